"""`rvs bench --search` over Annoy, a real Milvus and a real PostgreSQL with pgvector, each started here for it alone.

    python -m tools.bench_engines                                     # 100,000 vectors, minutes
    python -m tools.bench_engines --sizes 100k,1M --report docs   # half an hour, 6 GB of memory and disk

The servers are those of the tests, out of the packages for developers (`make scale-env`). One that cannot be had is
left out, and it is said why.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.search_servers import Postgres, RealMilvus, missing_milvus, missing_postgres

ENGINES = ("exact", "annoy", "milvus", "pgvector")


@contextmanager
def started(engine: str) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """A server, if the engine is one: the words and the environment with which `rvs bench` finds it."""
    if engine == "milvus":
        milvus = RealMilvus()
        try:
            data = milvus.folder / "data" / "data"
            yield (
                ["--server-pid", str(milvus.pid), "--server-data", str(data)],
                {"RVS_MILVUS_URI": milvus.uri},
            )
        finally:
            milvus.close()
    elif engine == "pgvector":
        # With the memory that somebody would give it for a million vectors.
        postgres = Postgres({"shared_buffers": "1GB", "max_wal_size": "4GB"})
        try:
            data = (
                postgres.folder / "data" / "base"
            )  # without the log of changes, which is as large as one lets it
            yield (
                ["--server-pid", str(postgres.pid), "--server-data", str(data)],
                {"RVS_PGVECTOR_DSN": postgres.dsn},
            )
        finally:
            postgres.close()
    else:
        yield [], {}


def missing(engine: str) -> str:
    """Why an engine cannot be had; "" when it can."""
    return {"milvus": missing_milvus, "pgvector": missing_postgres}.get(engine, lambda: "")()


def main() -> int:
    """Measure one after the other; 1 when one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="100k")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--report", type=Path, help="the folder whose engines.json gets the figures")
    given = parser.parse_args()
    failed = False
    for engine in given.engines.split(","):
        if why := missing(engine):
            print(f"{engine}: {why}", file=sys.stderr)
            continue
        with started(engine) as (words, environment):
            command = [
                sys.executable,
                "-m",
                "rvs",
                "bench",
                "--search",
                engine,
                "--sizes",
                given.sizes,
                *words,
            ]
            if given.report is not None:
                command += ["--report", str(given.report)]
            failed |= subprocess.run(command, env=os.environ | environment, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
