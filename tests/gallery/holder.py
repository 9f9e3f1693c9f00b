"""A process that holds a version until it is told to release it, or ends: `python -m tests.gallery.holder FOLDER`.

It says "held" or "not held" at first and after each line it reads ("acquire" or "release").
"""

import sys
from pathlib import Path

from rvs.gallery.in_use import Hold


def main(folder: str) -> None:
    hold = Hold(Path(folder))
    hold.acquire()
    print("held" if hold.held else "not held", flush=True)
    for line in sys.stdin:
        if line.strip() == "acquire":
            hold.acquire()
        else:
            hold.release()
        print("held" if hold.held else "not held", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
