"""Switching, rolling back and pruning from the command line, over an index of a pipeline without networks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rvs.cli.app import run
from rvs.gallery.in_use import SHARED_LOCKS
from rvs.gallery.store import Store
from tests.gallery.small import builder, make_gallery, unheard

A, B, C = (f"20260101T00000{number}.000Z-aaaaaaaa" for number in range(3))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The index "crew" with the versions A, B and C, taken into use in this order."""
    make_gallery(tmp_path / "gallery", range(2), 2)
    version = builder(tmp_path / "built").build(tmp_path / "gallery", unheard).version
    store = Store(tmp_path / "index" / "crew")
    for name in (A, B, C):
        shutil.copytree(version, store.folder / name)
        store.activate(name)
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setenv("RVS_INDEX", "crew")
    return store


def test_activate(store: Store, answer: Callable[..., Any]) -> None:
    assert answer("index", "activate", A) == {"index": "crew", "version": A, "before": C}
    assert store.current().name == A


def test_activate_in_words(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "activate", A]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{A} is now in use: 4 photos of 2 people.\n"
    assert "patches + colours only" in printed.err
    assert run(["index", "activate", A]) == 0
    assert "still in use" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["nothing", "../crew/" + A, ""])
def test_activate_what_is_not_there(store: Store, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "activate", version]) == 4
    assert "rvs index list" in capsys.readouterr().err
    assert store.current().name == C


def test_activate_a_damaged_version(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (store.folder / A / "photos.annoy").write_bytes(b"damaged")
    assert run(["index", "activate", A]) == 4
    assert "damaged" in capsys.readouterr().err
    assert store.current().name == C


def test_rollback(store: Store, answer: Callable[..., Any]) -> None:
    assert answer("index", "rollback") == {"index": "crew", "version": B, "before": C}
    assert answer("index", "rollback") == {"index": "crew", "version": A, "before": B}
    assert run(["index", "rollback"]) == 4
    assert store.current().name == A


def test_rollback_in_words(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "rollback"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{B} is in use again, instead of {C}: 4 photos of 2 people."
    assert A in second
    assert run(["index", "rollback"]) == 0
    assert "nothing before it" in capsys.readouterr().out


def test_prune(store: Store, answer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def pruned(removed: list[str], kept: list[str]) -> dict[str, Any]:
        return {"index": "crew", "removed": removed, "kept": kept, "erased": 0}

    assert answer("index", "prune") == pruned([], [A, B, C])
    monkeypatch.setenv("RVS_KEEP_VERSIONS", "1")
    assert answer("index", "prune") == pruned([A], [B, C])
    assert answer("index", "prune", "--keep", "0") == pruned([B], [C])


def test_prune_in_words(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "prune", "--keep", "0"]) == 0
    assert capsys.readouterr().out == f"2 versions of crew removed, 1 left.\n  {A}\n  {B}\n"
    assert run(["index", "prune"]) == 0
    assert capsys.readouterr().out == "Nothing to remove: crew has one version.\n"
    assert run(["index", "prune", "--keep", "-1"]) == 2


def test_an_index_that_is_not_there(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["activate", A], ["rollback"], ["prune"]):
        assert run(["index", *words, "--index", "nothing"]) == 4
        assert capsys.readouterr().err
    assert not (tmp_path / "index" / "nothing").exists()


def test_list_marks_what_is_in_use_and_what_was(
    store: Store,
    answer: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    with store.hold(A):
        rows = {row["version"]: row for row in answer("index", "list")}
        assert run(["index", "list"]) == 0
    marks = [(rows[name]["in_use"], rows[name]["previous"], rows[name]["held"]) for name in (A, B, C)]
    assert marks == [(False, False, SHARED_LOCKS), (False, True, False), (True, False, False)]
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split("crew")[0].strip() for line in lines] == ["held", "previous", "in use"]
