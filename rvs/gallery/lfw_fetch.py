"""Fetches Labeled Faces in the Wild: downloads, checks the sha256, unpacks, and only then shows the folder.

Trusts nothing that comes from the network, and leaves nothing half on the disk. Which archives there are
and what is inside is the business of `rvs.gallery.lfw_archive`.
"""

import errno
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rvs.errors import ConfigError, GalleryCorruptError, GalleryError, GalleryMissingError
from rvs.gallery.lfw import check_lfw
from rvs.gallery.lfw_archive import PUBLIC_ARCHIVES, Archive, Progress, unpack
from rvs.whole_files import remove_stale_parts, scratch_directory, sha256_of

_CHUNK_BYTES = 1 << 18
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear with a server.

    Attributes:
        timeout_s: seconds to wait for a connection, and for each piece of an answer.
        retries: further rounds over all addresses when the network or the server, not the file, is at fault.
        retry_wait_s: seconds before the first further round; as much more before each next one.
    """

    timeout_s: float = 30.0
    retries: int = 2
    retry_wait_s: float = 1.0


class _BadAnswerError(Exception):
    """An address did not give the file: `passing` faults are worth another try, a `wrong_file` is not."""

    def __init__(self, reason: str, *, passing: bool = False, wrong_file: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
        self.wrong_file = wrong_file


def fetch_lfw(
    data_dir: Path,
    *,
    archives: Sequence[Archive] = PUBLIC_ARCHIVES,
    mirror: str | None = None,
    progress: Progress | None = None,
    patience: Patience = Patience(),
) -> Path:
    """Make `data_dir/lfw` (and `data_dir/lfw_pairs.txt`) exist, whole; returns the folder.

    What is already there and sound is not fetched again; an archive whose unpacking was interrupted stays
    in `data_dir` and is not downloaded again. So a machine without network can be served by hand: put
    `lfw-funneled.tgz` and `pairs.txt` there. A download that breaks off starts anew (no byte ranges).

    Args:
        data_dir: made when missing; needs room for the archive and its content, about 0.5 GB.
        archives: what to fetch.
        mirror: http(s) address of a folder with files of the archives' names, instead of the public ones.
        progress: told about every step; raising from it cancels and leaves nothing half.
        patience: timeouts and retries.

    Raises:
        ConfigError: `mirror` is not an http(s) address.
        GalleryMissingError: no address gave the file; the hint names the other ways.
        GalleryCorruptError: wrong sha256, damaged or unsafe archive, or a `data_dir/lfw` that is not whole.
        GalleryError: the disk is full or not writable.
    """
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        raise ConfigError(
            f"{mirror!r} is not the address of a mirror.", hint="It starts with http:// or https://."
        )
    tell = progress or (lambda _stage, _done, _total: None)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        remove_stale_parts(data_dir)
        for archive in archives:
            if _is_there(archive, data_dir):
                continue
            fetched = _download(archive, data_dir, mirror, tell, patience)
            if archive.photos:
                unpack(archive, fetched, data_dir / archive.becomes, tell)
            else:
                fetched.replace(data_dir / archive.becomes)
    except OSError as error:
        raise _disk_error(data_dir, error) from error
    return data_dir / "lfw"


def _is_there(archive: Archive, data_dir: Path) -> bool:
    final = data_dir / archive.becomes
    if not archive.photos:
        return _has_sha256(final, archive.sha256)
    if not final.exists():
        return False
    report = check_lfw(final, people=archive.people, photos=archive.photos)
    if not report.complete:
        raise GalleryCorruptError(
            f"{final} exists, but is not a whole LFW: {report.people} people and {report.photos} photos of "
            f"{archive.people} and {archive.photos}, {report.problem_count} damaged or misnamed.",
            hint="Move it away or delete it, then run `rvs lfw fetch` again.",
        )
    return True


def _download(
    archive: Archive, data_dir: Path, mirror: str | None, tell: Progress, patience: Patience
) -> Path:
    """The archive in `data_dir`, whole and with the right sha256."""
    final = data_dir / archive.name
    if _has_sha256(final, archive.sha256):
        return final
    urls = archive.urls if mirror is None else (f"{mirror.rstrip('/')}/{archive.name}",)
    failures: dict[str, _BadAnswerError] = {}
    for attempt in range(patience.retries + 1):
        if attempt:
            time.sleep(patience.retry_wait_s * attempt)
        for url in urls:
            try:
                with scratch_directory(final) as part:
                    return _retrieve(archive, url, part, tell, patience.timeout_s).replace(final)
            except _BadAnswerError as error:
                failures[url] = error
        urls = tuple(url for url in urls if failures[url].passing)
        if not urls:
            break
    reasons = "; ".join(f"{url}: {error}" for url, error in failures.items())
    hint = (
        "Set RVS_LFW_DIR to a copy of LFW, or run `rvs lfw fetch` on a machine with network or a mirror. "
        f"Or download {archive.name} by browser ({archive.urls[0]}), put it into {data_dir} and fetch again."
    )
    if any(error.wrong_file for error in failures.values()):
        raise GalleryCorruptError(f"What arrived is not {archive.name} ({reasons}).", hint=hint)
    raise GalleryMissingError(f"{archive.name} could not be downloaded ({reasons}).", hint=hint)


def _retrieve(archive: Archive, url: str, folder: Path, tell: Progress, timeout_s: float) -> Path:
    """Download by pooch into `folder`: a temporary file there, then the sha256, then its name.

    pooch's own HTTP downloader would take a 202 (Figshare's robot check) for the file, keeps the connection
    open after an error, and writes without limit; so pooch is given this one.
    """
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415  only this command needs it
    import requests  # noqa: PLC0415

    def download(url: str, output_file: str, _pooch: object) -> None:
        # "identity": a server that calls the .tgz "gzip encoded" would have it unzipped on the way.
        headers = {"Accept-Encoding": "identity"}
        with (
            requests.get(url, stream=True, timeout=timeout_s, headers=headers) as response,
            Path(output_file).open("wb") as file,
        ):
            if (status := response.status_code) != 200:
                passing = status >= 500 or status == 429
                raise _BadAnswerError(f"HTTP {status} {response.reason}".rstrip(), passing=passing)
            length = response.headers.get("Content-Length", "")
            done = 0
            for chunk in response.iter_content(_CHUNK_BYTES):
                done += len(chunk)
                if done > archive.max_bytes:
                    raise _BadAnswerError(f"more than {archive.max_bytes} bytes", wrong_file=True)
                file.write(chunk)
                tell(f"download {archive.name}", done, int(length) if length.isdigit() else 0)

    pooch.get_logger().setLevel(logging.WARNING)  # its news would tear the progress bar
    try:
        return Path(pooch.retrieve(url, archive.sha256, archive.name, folder, downloader=download))
    except requests.RequestException as error:
        raise _BadAnswerError(_in_few_words(error), passing=True) from error
    except ValueError as error:
        # pooch's word for a wrong hash; the same address would bring the same bytes again.
        raise _BadAnswerError("its sha256 is not the expected one", wrong_file=True) from error


def _has_sha256(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except FileNotFoundError:
        return False


def _in_few_words(error: Exception) -> str:
    """The text of a requests error is a paragraph of reprs; its type says the same in two words."""
    kind = type(error).__name__
    known = {
        "ConnectTimeout": "no answer in time",
        "ReadTimeout": "the answer stalled",
        "ConnectionError": "no connection",
        "ChunkedEncodingError": "the connection broke off",
        "SSLError": "no trustworthy TLS connection",
        "ProxyError": "the proxy refused",
    }
    return known.get(kind, kind)


def _disk_error(data_dir: Path, error: OSError) -> GalleryError:
    if error.errno in _NO_ROOM:
        return GalleryError(
            f"There is no room left for LFW in {data_dir}.",
            hint="Fetching takes about 0.5 GB. Make room and fetch again; what was downloaded whole is kept.",
        )
    return GalleryError(
        f"LFW could not be put into {data_dir}: {error.strerror or error}.",
        hint="Check the permissions of the folder, or choose another with RVS_DATA_DIR.",
    )
