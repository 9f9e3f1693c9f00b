"""What a report says of the machine is what the machine says."""

import os
import platform
import re

import numpy as np

from rvs.evaluation.machine import in_words, this_machine


def test_it_names_this_machine_and_its_versions() -> None:
    machine = this_machine()
    assert machine.python == platform.python_version()
    assert machine.packages["numpy"] == np.__version__
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert machine.processor
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", machine.measured_at)
    assert re.fullmatch(r"([0-9a-f]{7,}\+?)?", machine.commit)


def test_in_words_is_one_line() -> None:
    words = in_words(this_machine())
    assert platform.python_version() in words
    assert "\n" not in words
