"""`rvs` and `python -m rvs`."""

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # Set before numpy is loaded: on busy cores a second thread made an exact search 100 times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rvs.cli.app import run  # noqa: PLC0415

    sys.exit(run())


if __name__ == "__main__":
    main()
