"""A build that tells its progress as `rvs index build --progress-json` does, over patches instead of faces.

`python -m tests.gallery.told_build GALLERY INDEX` builds, and ends with its standard input.
`... wait STAGE DONE` stays at that step until it is ended; `... deaf STAGE DONE` does not even hear SIGTERM.
`... broken` finds vectors that are no vectors; `... crash` fails with many words.
"""

import signal
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.cli import build_lines
from rvs.cli.build_lines import end_with_stdin, progress_lines, write_line
from rvs.cli.index import _report_json
from rvs.errors import LookalikeError
from rvs.gallery import embed
from rvs.inference import Network
from tests.gallery.small import builder, pipeline_of_patches


def _nonsense(batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
    return (np.random.default_rng(0).standard_normal((len(batch), 48)).astype(np.float32),)


def main(gallery: str, index: str, how: str = "build", stage: str = "", done: str = "0") -> int:
    end_with_stdin()
    embed.CHUNK = 4
    build_lines._EVERY_S = 0.0
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    network: Network | None = _nonsense if how == "broken" else None
    try:
        with progress_lines() as lines:

            def progress(now: str, count: int, total: int) -> None:
                lines(now, count, total)
                if how == "crash":
                    print("\x1b[31mone of many lines\x1b[0m\n" * 1000, file=sys.stderr)
                    raise RuntimeError("the disk is on fire")
                if how in ("wait", "deaf") and (now, count) == (stage, int(done)):
                    time.sleep(120)

            report = builder(Path(index), pipeline_of_patches(network)).build(Path(gallery), progress)
    except LookalikeError as error:
        print(error, file=sys.stderr)
        return 4
    write_line({"report": _report_json(report) | {"missed": len(report.misses)}})
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
