"""`rvs index` where a server searches: publish, verify, list, activate, rollback and prune, on a Milvus Lite."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.cli.app import run
from rvs.gallery.server_names import alias_of
from rvs.gallery.store import Store
from rvs.vectors.milvus_index import Milvus
from tests.gallery.small import builder, make_gallery, photo_path, save, unheard
from tests.gallery.some_of_lfw import some_of_lfw

A, B = (f"20260101T00000{number}.000Z-aaaaaaaa" for number in range(2))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, milvus_lite: str) -> Store:
    """The index "team" with the versions A and B, which no server knows of yet."""
    make_gallery(tmp_path / "gallery", range(6), 2)
    version = builder(tmp_path / "built").build(tmp_path / "gallery", unheard).version
    store = Store(tmp_path / "index" / "team")
    for name in (A, B):
        shutil.copytree(version, store.folder / name)
        store.activate(name)
    for name, value in {"INDEX_DIR": tmp_path / "index", "INDEX": "team", "SEARCH": "milvus"}.items():
        monkeypatch.setenv(f"RVS_{name}", str(value))
    monkeypatch.setenv("RVS_MILVUS_URI", milvus_lite)
    return store


def test_from_publish_to_prune(store: Store, answer: Callable[..., Any], milvus_lite: str) -> None:
    server = Milvus(milvus_lite)
    alias = alias_of("team")
    newer = answer("index", "publish")
    assert (newer["index"], newer["version"], newer["engine"], newer["photos"]) == ("team", B, "milvus", 12)
    assert answer("index", "publish") == newer
    assert server.pointed(alias) == newer["collection"]
    assert run(["index", "activate", A]) == 4
    # The same photos: it shares what the newer one has, unless it is not to.
    assert answer("index", "publish", A)["collection"] == newer["collection"]
    older = answer("index", "publish", A, "--anew")
    assert older["collection"] != newer["collection"]
    assert server.pointed(alias) == newer["collection"]
    assert answer("index", "activate", A) == {"index": "team", "version": A, "before": B}
    assert server.pointed(alias) == older["collection"]
    verified = answer("index", "verify")
    assert verified["server"]["collection"] == older["collection"]
    assert verified["server"]["aliased"]
    assert verified["server"]["self_found"] == 1
    assert answer("index", "rollback")["version"] == B
    assert server.pointed(alias) == newer["collection"]
    rows = {row["version"]: row["published"] for row in answer("index", "list")}
    assert {name: on["milvus"]["collection"] for name, on in rows.items()} == {
        A: older["collection"],
        B: newer["collection"],
    }
    assert answer("index", "prune", "--keep", "0")["removed"] == [A]
    assert answer("index", "verify")["server"]["collection"] == newer["collection"]


def test_a_version_that_shares(
    store: Store, tmp_path: Path, answer: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    first = answer("index", "publish")
    make_gallery(tmp_path / "gallery", [8], 2)
    version = builder(store.folder).build(tmp_path / "gallery", unheard).version.name
    done = answer("index", "publish")
    assert (done["version"], done["collection"], done["photos"]) == (version, first["collection"], 14)
    assert {key: done["shared"][key] for key in ("rows", "gone", "beside")} == {
        "rows": 12,
        "gone": 0,
        "beside": 2,
    }
    rows = {row["version"]: row["published"].get("milvus") for row in answer("index", "list")}
    assert rows[A] is None
    assert [(rows[name]["shared"], rows[name]["beside"]) for name in (B, version)] == [(False, 0), (True, 2)]
    server = answer("index", "verify")["server"]
    assert (server["collection"], server["beside"]) == (first["collection"], 2)
    assert server["recall_at_10"] >= 0.99
    assert run(["index", "verify"]) == 0
    assert f"has all but 2 of them in {first['collection']}" in capsys.readouterr().out
    assert run(["index", "publish"]) == 0
    said = capsys.readouterr().out
    assert f"14 photos in {first['collection']}" in said
    assert "shared with older versions, and 2 of the photos are compared from disk." in said


def test_prune_says_how_many_vectors_are_gone_from_the_server(
    store: Store, tmp_path: Path, answer: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    make_gallery(tmp_path / "gallery", range(6, 30), 1)
    builder(store.folder).build(tmp_path / "gallery", unheard)
    first = answer("index", "publish")
    for person in (3, 20):
        shutil.rmtree(photo_path(tmp_path / "gallery", person, 1).parent)
        builder(store.folder).build(tmp_path / "gallery", unheard)
        assert answer("index", "publish")["collection"] == first["collection"]
        if person == 3:
            kept = store.current().name
            assert answer("index", "prune", "--keep", "0") == {
                "index": "team",
                "removed": [A, B, first["version"]],
                "kept": [kept],
                "erased": 2,
            }
        else:
            assert run(["index", "prune", "--keep", "0"]) == 0
            assert "One vector that no version has any more erased on the server." in capsys.readouterr().out
    assert answer("index", "prune", "--keep", "0")["erased"] == 0
    assert answer("index", "verify")["server"]["self_found"] == 1


def test_with_a_limit_of_none_nothing_is_shared(
    store: Store, answer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVS_SEARCH_COMPARED", "0")
    first = answer("index", "publish")
    other = answer("index", "publish", A)
    assert (first["shared"], other["shared"]) == (None, None)
    assert first["collection"] != other["collection"]


def test_in_words(store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert run(["index", "publish"]) == 0
    assert "12 photos in rvs_team_" in capsys.readouterr().out
    assert run(["index", "verify"]) == 0
    assert "recall@10 1.0000." in capsys.readouterr().out
    assert run(["index", "list"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.split()[-1] == "on"
    assert [line.split()[-1] == "milvus" for line in lines] == [False, True]


def test_a_server_that_does_not_answer(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["index", "publish"]) == 0
    monkeypatch.setenv("RVS_MILVUS_URI", "http://127.0.0.1:1")
    capsys.readouterr()
    assert run(["index", "verify"]) == 6
    said = capsys.readouterr().err
    assert "Search is not available right now." in said
    assert "127.0.0.1:1" in said
    assert run(["index", "activate", B]) == 6
    assert run(["index", "publish"]) == 6
    assert store.current().name == B


def test_doctor_asks_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, milvus_lite: str
) -> None:
    some_of_lfw(tmp_path / "lfw")
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path))
    monkeypatch.setenv("RVS_SEARCH", "milvus")
    monkeypatch.setenv("RVS_MILVUS_URI", milvus_lite)
    assert run(["doctor"]) == 1
    assert "was not brought to milvus" in capsys.readouterr().out
    assert run(["index", "publish"]) == 0
    assert run(["doctor"]) == 0
    assert "milvus answers, and has this version" in capsys.readouterr().out
    monkeypatch.setenv("RVS_MILVUS_URI", "http://127.0.0.1:1")
    assert run(["doctor"]) == 1
    assert "Milvus at 127.0.0.1:1" in capsys.readouterr().out


def test_where_no_server_searches(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVS_SEARCH", "annoy")
    assert run(["index", "publish"]) == 2
    assert "RVS_SEARCH is annoy" in capsys.readouterr().err


def test_a_build_tells_what_it_brought(
    astronaut: Pixels,
    tmp_path: Path,
    answer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    milvus_lite: str,
) -> None:
    for name, value in {
        "INDEX_DIR": tmp_path / "index",
        "SEARCH": "milvus",
        "MILVUS_URI": milvus_lite,
    }.items():
        monkeypatch.setenv(f"RVS_{name}", str(value))
    crew = tmp_path / "Crew"
    save(Image.fromarray(astronaut), crew / "Eileen" / "1.png")
    first = answer("index", "build", "--gallery", str(crew))["published"]
    assert (first["shared"], first["beside"]) == (False, 0)
    save(Image.fromarray(astronaut[60:450, :420]), crew / "Mirror" / "1.png")
    second = answer("index", "build", "--gallery", str(crew))
    assert second["embedded"] == 1
    assert second["published"] | {"recall_at_10": 1.0} == first | {"shared": True, "beside": 1}
    assert answer("index", "build", "--gallery", str(crew))["published"] == second["published"]
    monkeypatch.setenv("RVS_SEARCH", "annoy")
    assert answer("index", "build", "--gallery", str(crew))["published"] is None
