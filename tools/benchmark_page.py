"""Write the page and plots of a benchmark again, from its document: `python -m tools.benchmark_page docs`.

Measures nothing: for when the wording or the look has changed.
"""

import argparse
from pathlib import Path

from rvs.evaluation.bench_folder import DOCUMENT, write_benchmark
from rvs.evaluation.benchmark import read_benchmark

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder that holds benchmark.json")
    folder = parser.parse_args().folder
    write_benchmark(read_benchmark(folder / DOCUMENT), folder)
