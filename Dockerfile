# The bot as a container; docs/operations.md says how to run it. Apart from apt-get and useradd, every RUN is a
# command that works the same in a virtual environment without any container.

FROM python:3.11-slim-bookworm AS build

# Annoy comes as source and is the only package that has to be compiled. Its compiler stays in this stage.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

# Without -march=native, which Annoy's setup takes otherwise: the image has to run on other machines than this one.
# Annoy only proposes candidates, so wider vectors would gain nothing that can be felt.
ENV ANNOY_COMPILER_ARGS=-D_CRT_SECURE_NO_WARNINGS,-fpermissive,-O3,-ffast-math,-fno-associative-math,-DANNOYLIB_MULTITHREADED_BUILD,-std=c++14

# First what changes rarely: a new version of the bot reuses these layers.
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE.md ./
COPY rvs rvs
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps .

# Convert the networks for OpenVINO. Opening the engine does it, and fails here if index and program do not fit.
ENV RVS_INDEX_DIR=/build/index \
    RVS_CACHE_DIR=/opt/lookalike/cache
COPY index/lfw index/lfw
RUN /opt/venv/bin/python -c "from rvs import load_engine, load_settings; load_engine(load_settings())"

# TensorFlow has done its work and is two thirds of the environment: 1.4 GB. Only the study's networks need it
# again: leave this step out to run them. OpenVINO's telemetry client would find nothing to do anyway.
# hadolint ignore=DL3059
RUN /opt/venv/bin/pip uninstall --yes tensorflow-cpu tensorflow libclang openvino-telemetry


FROM python:3.11-slim-bookworm

ARG VERSION=0
LABEL org.opencontainers.image.title="Lookalike" \
      org.opencontainers.image.description="Who do I look like? A Discord bot over a reverse visual search engine for faces." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"

# A fixed uid, so that the owner of a mounted folder can be set before the container is there.
RUN groupadd --gid 10001 lookalike \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin lookalike \
    && install -d -o 10001 -g 10001 /var/lib/lookalike /var/lib/lookalike/data /var/lib/lookalike/galleries

WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/lookalike /opt/lookalike
COPY LICENSE NOTICE.md PRIVACY.md bot.py ./
# Twice: this one stays readable when a folder of the host hides the other, or a volume is older than the image.
COPY index/lfw index/lfw
COPY --chown=10001:10001 index/lfw /var/lib/lookalike/index/lfw

# The root may be read-only: everything that is written lies in the volume, and /tmp is a tmpfs.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RVS_RUNTIME=openvino \
    RVS_CACHE_DIR=/opt/lookalike/cache \
    RVS_INDEX_DIR=/var/lib/lookalike/index \
    RVS_DATA_DIR=/var/lib/lookalike/data \
    RVS_OPS_PORT=9400
VOLUME ["/var/lib/lookalike"]
USER 10001:10001

# Without a proxy, whatever the environment says: it asks its own loopback.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['RVS_OPS_PORT'] + '/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "bot.py"]
