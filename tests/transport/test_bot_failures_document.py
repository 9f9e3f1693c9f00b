"""docs/failures.md names tests that exist, and every test of a failure is in it."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
DOCUMENT = (TESTS.parent / "docs" / "failures.md").read_text(encoding="utf-8")
OF_FAILURES = ("engine", "flood", "gateway", "log", "photos", "sending", "starting", "stopping")
NO_FAILURES = {
    "test_the_token_can_be_in_a_file",
    "test_such_a_bot_is_small_and_loads_no_engine",
}


def test_every_test_in_the_table_exists() -> None:
    cited = re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT)
    assert len(cited) > 50
    missing = [
        (file, name)
        for file, name in cited
        if not re.search(rf"def {name}\(", (TESTS / file).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_every_test_of_a_failure_is_in_the_table() -> None:
    for subject in OF_FAILURES:
        file = f"test_bot_{subject}.py"
        text = (TESTS / "transport" / file).read_text(encoding="utf-8")
        for name in set(re.findall(r"^async def (test_\w+)\(", text, re.MULTILINE)) - NO_FAILURES:
            assert f"`transport/{file}::{name}`" in DOCUMENT
