"""`rvs lfw fetch` against a real server on this machine: whole or not at all."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rvs.errors import ConfigError, GalleryCorruptError, GalleryError, GalleryMissingError
from rvs.gallery.lfw import find_lfw, find_pairs
from rvs.gallery.lfw_archive import PUBLIC_ARCHIVES, Archive
from rvs.gallery.lfw_fetch import Patience, fetch_lfw

JPEG = b"\xff\xd8" + os.urandom(5000) + b"\xff\xd9"
ONCE = Patience(timeout_s=10, retries=0)
AGAIN = Patience(timeout_s=10, retries=2, retry_wait_s=0.01)


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes = b""
    status: int = 200
    announced: int | None = None
    stalls: bool = False


@dataclass(slots=True)
class Server:
    """Gives the answers of a path in turn, the last one for ever."""

    address: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, path: str) -> Answer:
        self.asked.append(path)
        answers = self.answers.get(path, [Answer(b"not here", 404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = state.next_answer(self.path)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(answer.announced or len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.stalls:
                self.wfile.flush()
                state.closing.wait(10)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.closing.set()
        running.shutdown()
        thread.join()


def _file(name: str, data: bytes = JPEG) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member, data


def _special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


GOOD = [
    _special("lfw_funneled", tarfile.DIRTYPE),
    _special("lfw_funneled/Abel_Pacheco", tarfile.DIRTYPE),
    _file("lfw_funneled/Abel_Pacheco/Abel_Pacheco_0001.jpg"),
    _file("lfw_funneled/Abel_Pacheco/Abel_Pacheco_0002.jpg"),
    _file("lfw_funneled/Bo/Bo_0001.jpg"),
    _file("lfw_funneled/pairs_01.txt", b"a list, which is skipped"),
    _file("lfw_funneled/Bo/._Bo_0001.jpg", b"what macOS adds"),
]


def _tgz(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@pytest.fixture
def publish(server: Server) -> Callable[..., Archive]:
    """Puts an archive of these members on the server, two addresses of which the second is the API's."""

    def publish(data: bytes | None = None, *, people: int = 2, photos: int = 3) -> Archive:
        data = _tgz(GOOD) if data is None else data
        server.answers["/files/lfw.tgz"] = [Answer(data)]
        return Archive(
            name="lfw.tgz",
            urls=(f"{server.address}/files/lfw.tgz", f"{server.address}/api/lfw.tgz"),
            sha256=hashlib.sha256(data).hexdigest(),
            becomes="lfw",
            people=people,
            photos=photos,
        )

    return publish


def _fetch(data_dir: Path, archive: Archive, patience: Patience = ONCE) -> Path:
    return fetch_lfw(data_dir, archives=[archive], patience=patience)


def _everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


WHOLE = [
    "lfw",
    "lfw/Abel_Pacheco",
    "lfw/Abel_Pacheco/Abel_Pacheco_0001.jpg",
    "lfw/Abel_Pacheco/Abel_Pacheco_0002.jpg",
    "lfw/Bo",
    "lfw/Bo/Bo_0001.jpg",
]


class TestSuccess:
    def test_the_photos_are_there_and_found(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        data_dir = tmp_path / "not" / "yet"
        assert _fetch(data_dir, publish()) == data_dir / "lfw"
        assert _everything_in(data_dir) == WHOLE
        assert (data_dir / "lfw" / "Bo" / "Bo_0001.jpg").read_bytes() == JPEG
        assert find_lfw(None, data_dir) == data_dir / "lfw"

    def test_the_second_time_nothing_is_downloaded(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        _fetch(tmp_path, archive)
        _fetch(tmp_path, archive)
        assert server.asked == ["/files/lfw.tgz"]

    def test_the_pairs_come_along_and_are_mended(self, tmp_path: Path, server: Server) -> None:
        pairs = b"1\t1\nBo\t1\t2\nBo\t1\tEve\t1\n"
        server.answers["/m/pairs.txt"] = [Answer(pairs)]
        archive = Archive("pairs.txt", (), hashlib.sha256(pairs).hexdigest(), "lfw_pairs.txt")
        for damage, asked in ((None, 1), (None, 1), (b"1\t1\nBo", 2)):
            if damage:
                (tmp_path / "lfw_pairs.txt").write_bytes(damage)
            fetch_lfw(tmp_path, archives=[archive], mirror=f"{server.address}/m/", patience=ONCE)
            assert len(server.asked) == asked
            assert find_pairs(None, tmp_path) == tmp_path / "lfw_pairs.txt"
            assert _everything_in(tmp_path) == ["lfw_pairs.txt"]
            assert (tmp_path / "lfw_pairs.txt").read_bytes() == pairs

    def test_progress_counts_bytes_then_photos(self, tmp_path: Path, publish: Callable[..., Archive]) -> None:
        told: list[tuple[str, int, int]] = []
        data = _tgz(GOOD)
        fetch_lfw(tmp_path, archives=[publish(data)], progress=lambda *news: told.append(news))
        downloads = [news for news in told if news[0] == "download lfw.tgz"]
        assert downloads[-1] == ("download lfw.tgz", len(data), len(data))
        assert told[-3:] == [("unpack lfw.tgz", done, 3) for done in (1, 2, 3)]

    def test_an_archive_put_there_by_hand_needs_no_network(self, tmp_path: Path) -> None:
        data = _tgz(GOOD)
        (tmp_path / "lfw.tgz").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        _fetch(tmp_path, Archive("lfw.tgz", (), sha256, "lfw", people=2, photos=3))
        assert _everything_in(tmp_path) == WHOLE

    def test_half_an_archive_put_there_by_hand_is_replaced(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        (tmp_path / archive.name).write_bytes(_tgz(GOOD)[:100])
        _fetch(tmp_path, archive)
        assert server.asked == ["/files/lfw.tgz"]
        assert _everything_in(tmp_path) == WHOLE

    def test_two_at_once(self, tmp_path: Path, publish: Callable[..., Archive]) -> None:
        archive = publish()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: _fetch(tmp_path, archive), range(4)))
        assert _everything_in(tmp_path) == WHOLE

    def test_the_public_archives_are_complete_facts(self) -> None:
        assert [archive.becomes for archive in PUBLIC_ARCHIVES] == ["lfw", "lfw_pairs.txt"]
        for archive in PUBLIC_ARCHIVES:
            assert len(bytes.fromhex(archive.sha256)) == 32
            assert all(url.startswith("https://") and "{" not in url for url in archive.urls)


class TestNetwork:
    def test_a_connection_that_breaks_is_tried_again(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        whole = server.answers["/files/lfw.tgz"][0]
        half = Answer(whole.body[: len(whole.body) // 2], announced=len(whole.body))
        server.answers["/files/lfw.tgz"] = [half, Answer(b"", 503), whole]
        _fetch(tmp_path, archive, AGAIN)
        assert _everything_in(tmp_path) == WHOLE

    def test_a_connection_that_always_breaks(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        server.answers["/files/lfw.tgz"] = [Answer(b"half", announced=1000)]
        with pytest.raises(GalleryMissingError, match="the connection broke off"):
            _fetch(tmp_path, archive, AGAIN)
        assert server.asked.count("/files/lfw.tgz") == 3
        assert _everything_in(tmp_path) == []

    def test_a_server_that_stalls(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        server.answers["/files/lfw.tgz"] = [Answer(b"half", announced=1000, stalls=True)]
        with pytest.raises(GalleryMissingError, match="could not be downloaded"):
            _fetch(tmp_path, archive, Patience(timeout_s=0.1, retries=0))
        assert _everything_in(tmp_path) == []

    @pytest.mark.parametrize("status", [202, 403, 404])
    def test_a_refusal_is_final_and_the_next_address_is_asked(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive], status: int
    ) -> None:
        archive = publish()
        server.answers["/api/lfw.tgz"] = server.answers["/files/lfw.tgz"]
        server.answers["/files/lfw.tgz"] = [Answer(b"", status)]
        _fetch(tmp_path, archive, AGAIN)
        assert server.asked == ["/files/lfw.tgz", "/api/lfw.tgz"]
        assert _everything_in(tmp_path) == WHOLE

    def test_not_found_anywhere(self, tmp_path: Path, server: Server) -> None:
        mirror = f"{server.address}/nothing"
        with pytest.raises(GalleryMissingError, match=r"lfw-funneled.tgz could not .*HTTP 404") as caught:
            fetch_lfw(tmp_path, mirror=mirror, patience=AGAIN)
        assert "RVS_LFW_DIR" in caught.value.hint
        assert "rvs lfw fetch" in caught.value.hint
        assert server.asked == ["/nothing/lfw-funneled.tgz"]
        assert _everything_in(tmp_path) == []

    def test_nobody_there(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(GalleryMissingError, match="no connection"):
            fetch_lfw(tmp_path, mirror=f"http://127.0.0.1:{port}", patience=AGAIN)
        assert _everything_in(tmp_path) == []

    def test_another_file_than_expected(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        server.answers["/files/lfw.tgz"] = [Answer(b"<html>Are you a robot?</html>")]
        with pytest.raises(GalleryCorruptError, match=r"What arrived is not lfw.tgz .*sha256"):
            _fetch(tmp_path, archive, AGAIN)
        assert server.asked.count("/files/lfw.tgz") == 1, "the same bytes would come again"
        assert _everything_in(tmp_path) == []

    def test_a_server_that_does_not_stop(self, tmp_path: Path, publish: Callable[..., Archive]) -> None:
        archive = dataclasses.replace(publish(), max_bytes=100)
        with pytest.raises(GalleryCorruptError, match="more than 100 bytes"):
            _fetch(tmp_path, archive)
        assert _everything_in(tmp_path) == []

    @pytest.mark.parametrize("mirror", ["example.org", "ftp://example.org", "file:///etc", ""])
    def test_a_mirror_that_is_no_address(self, tmp_path: Path, mirror: str) -> None:
        with pytest.raises(ConfigError, match="not the address of a mirror"):
            fetch_lfw(tmp_path, mirror=mirror)


class TestArchive:
    @pytest.mark.parametrize(
        "bad",
        [
            _file("../../outside.jpg"),
            _file("lfw/../../Bo/Bo_0002.jpg"),
            _file("/tmp/outside.jpg"),  # noqa: S108  it is the attack
            _file("lfw/..\\..\\Bo/Bo_0002.jpg"),
            _file("C:/lfw/Bo_0002.jpg"),
            _special("lfw/Bo/Bo_0002.jpg", tarfile.SYMTYPE, "/etc/passwd"),
            _special("lfw/Bo/Bo_0002.jpg", tarfile.LNKTYPE, "lfw/Bo/Bo_0001.jpg"),
            _special("lfw/Bo", tarfile.SYMTYPE, "../.."),
            _special("lfw/Bo/Bo_0002.jpg", tarfile.CHRTYPE),
            _special("lfw/Bo/Bo_0002.jpg", tarfile.FIFOTYPE),
        ],
        ids=lambda bad: f"{bad[0].name} {bad[0].type.decode()}",
    )
    def test_what_could_do_harm_is_refused(
        self, tmp_path: Path, publish: Callable[..., Archive], bad: tuple[tarfile.TarInfo, bytes]
    ) -> None:
        data_dir = tmp_path / "data"
        with pytest.raises(GalleryCorruptError, match=r"refused: .*(leads out|link or a device)"):
            _fetch(data_dir, publish(_tgz([*GOOD, bad]), photos=4))
        assert _everything_in(tmp_path) == ["data"]

    @pytest.mark.parametrize(
        ("members", "sentence"),
        [
            (GOOD[:4], "2 photos of 1 people, not 3 of 2"),
            ([*GOOD[:4], _file("lfw/Bo/Bo_0002.jpg")], "gaps in its numbering"),
            ([*GOOD[:4], _file("lfw/Bo/Bo_0001.jpg", JPEG[:-9])], "Bo/Bo_0001.jpg is cut off"),
            ([*GOOD, GOOD[4], _file("lfw/Eve/Eve_0001.jpg")], "4 photos of 3 people"),
            ([], "0 photos of 0 people"),
        ],
    )
    def test_what_is_not_lfw_is_refused(
        self,
        tmp_path: Path,
        publish: Callable[..., Archive],
        members: list[tuple[tarfile.TarInfo, bytes]],
        sentence: str,
    ) -> None:
        with pytest.raises(GalleryCorruptError, match=sentence):
            _fetch(tmp_path, publish(_tgz(members)))
        assert _everything_in(tmp_path) == []

    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: data[: len(data) // 2],
            lambda data: data[:200] + b"????" + data[204:],
            lambda _: b"this is no archive",
            lambda _: b"",
        ],
        ids=["cut off", "changed inside", "text", "empty"],
    )
    def test_a_damaged_archive_is_refused(
        self, tmp_path: Path, publish: Callable[..., Archive], damage: Callable[[bytes], bytes]
    ) -> None:
        with pytest.raises(GalleryCorruptError, match=r"refused"):
            _fetch(tmp_path, publish(damage(_tgz(GOOD))))
        assert _everything_in(tmp_path) == []

    def test_a_photo_that_was_changed_inside_is_refused(
        self, tmp_path: Path, publish: Callable[..., Archive]
    ) -> None:
        """Whatever the change does to the picture: the checksum at the end of the archive is looked at."""
        data = bytearray(gzip.compress(gzip.decompress(_tgz(GOOD)), compresslevel=0))
        data[data.index(JPEG) + len(JPEG) // 2] ^= 1
        with pytest.raises(GalleryCorruptError, match=r"refused"):
            _fetch(tmp_path, publish(bytes(data)))
        assert _everything_in(tmp_path) == []

    def test_an_archive_that_goes_on_after_its_end_is_refused(
        self, tmp_path: Path, publish: Callable[..., Archive]
    ) -> None:
        data = gzip.compress(gzip.decompress(_tgz(GOOD)) + bytes(3 << 20))
        with pytest.raises(GalleryCorruptError, match="larger than LFW can be"):
            _fetch(tmp_path, publish(data))
        assert _everything_in(tmp_path) == []

    @pytest.mark.parametrize("limit", [{"max_members": 3}, {"max_bytes": 16_000}])
    def test_an_archive_that_swells_is_refused(
        self, tmp_path: Path, publish: Callable[..., Archive], limit: dict[str, int]
    ) -> None:
        data = _tgz([*GOOD, _file("lfw/zeros.txt", bytes(1_000_000))])
        with pytest.raises(GalleryCorruptError, match="larger than LFW can be"):
            _fetch(tmp_path, dataclasses.replace(publish(data), **limit))  # type: ignore[arg-type]
        assert _everything_in(tmp_path) == []


class TestInterruption:
    @pytest.mark.parametrize("stage", ["download lfw.tgz", "unpack lfw.tgz"])
    def test_a_fetch_that_is_cancelled_leaves_nothing_half(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive], stage: str
    ) -> None:
        def cancel(at: str, done: int, total: int) -> None:
            if at == stage:
                raise KeyboardInterrupt

        archive = publish()
        with pytest.raises(KeyboardInterrupt):
            fetch_lfw(tmp_path, archives=[archive], progress=cancel)
        assert _everything_in(tmp_path) == ([] if stage.startswith("download") else ["lfw.tgz"])
        _fetch(tmp_path, archive)
        assert _everything_in(tmp_path) == WHOLE
        assert len(server.asked) == (2 if stage.startswith("download") else 1)

    @pytest.mark.parametrize("stage", ["download lfw.tgz", "unpack lfw.tgz"])
    def test_another_fetch_that_was_faster(
        self, tmp_path: Path, publish: Callable[..., Archive], stage: str
    ) -> None:
        archive = publish()

        def be_overtaken(at: str, done: int, total: int) -> None:
            if at == stage:
                _fetch(tmp_path, archive)

        assert fetch_lfw(tmp_path, archives=[archive], progress=be_overtaken) == tmp_path / "lfw"
        assert _everything_in(tmp_path) == WHOLE

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
    def test_a_process_killed_while_unpacking(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        archive = publish()
        script = (
            "import os, pathlib, signal\n"
            "from rvs.gallery.lfw_archive import Archive\n"
            "from rvs.gallery.lfw_fetch import fetch_lfw\n"
            "def kill(stage, done, total):\n"
            "    if stage == 'unpack lfw.tgz' and done == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"fetch_lfw(pathlib.Path({str(tmp_path)!r}), archives=[{archive!r}], progress=kill)\n"
        )
        killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
        assert find_lfw(None, tmp_path) is None
        (left,) = tmp_path.glob(".lfw.*.part")
        os.utime(left, (0, 0))
        _fetch(tmp_path, archive)
        assert _everything_in(tmp_path) == WHOLE
        assert server.asked == ["/files/lfw.tgz"]

    @pytest.mark.parametrize(
        ("pixels", "left"),
        # Zeros pack to nothing, noise does not: so the limit is met while unpacking, or before.
        [(bytes(300_000), ["lfw.tgz"]), (os.urandom(300_000), [])],
        ids=["while unpacking", "while downloading"],
    )
    def test_a_full_disk(
        self, tmp_path: Path, publish: Callable[..., Archive], pixels: bytes, left: list[str]
    ) -> None:
        resource = pytest.importorskip("resource", reason="file size limits are a POSIX thing")
        photo = _file("lfw/Bo/Bo_0001.jpg", b"\xff\xd8" + pixels + b"\xff\xd9")
        archive = publish(_tgz([photo]), people=1, photos=1)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(GalleryError, match="no room left") as caught:
                _fetch(tmp_path, archive)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "Make room" in caught.value.hint
        assert _everything_in(tmp_path) == left

    def test_a_place_that_cannot_be_written(self, tmp_path: Path, publish: Callable[..., Archive]) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(GalleryError, match="could not be put into"):
            _fetch(tmp_path / "file" / "data", publish())


class TestExisting:
    def test_what_is_not_whole_is_neither_used_nor_deleted(
        self, tmp_path: Path, server: Server, publish: Callable[..., Archive]
    ) -> None:
        mine = tmp_path / "lfw" / "Bo" / "Bo_0001.jpg"
        mine.parent.mkdir(parents=True)
        mine.write_bytes(JPEG)
        with pytest.raises(GalleryCorruptError, match="1 people and 1 photos of 2 and 3") as caught:
            _fetch(tmp_path, publish())
        assert "Move it away" in caught.value.hint
        assert mine.read_bytes() == JPEG
        assert server.asked == []

    def test_what_is_whole_is_kept(self, tmp_path: Path, server: Server) -> None:
        mine = tmp_path / "lfw" / "Bo" / "Bo_0001.jpg"
        mine.parent.mkdir(parents=True)
        mine.write_bytes(JPEG)
        _fetch(tmp_path, Archive("lfw.tgz", (), "0" * 64, "lfw", people=1, photos=1))
        assert server.asked == []
