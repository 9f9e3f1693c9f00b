"""A Milvus, as a server of collections: a standalone one, a cluster, or Milvus Lite.

Collections are filled once, flushed and compacted before the graph is built, so that it is built once. Searches
ask for ids only, and for what is surely there rather than for what was written a moment ago: nothing ever is, and
what was erased a moment ago nobody takes.
Milvus takes at most 16,384 candidates a search, and so do we.
"""

import importlib.util
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.errors import ConfigError, SearchMissingError, SearchUnavailableError
from rvs.vectors.pymilvus_only import pymilvus_only
from rvs.vectors.server import HNSW_BUILD_WIDTH, HNSW_LINKS, Collection, GraphKind, Told

_LITE = "lite"  # in the version of Milvus Lite, and of the standalone in the wheel `milvus`
_MOST_CANDIDATES = 16_384
_WIDEST = 32_768
_BATCH_BYTES = 4_000_000  # of vectors in one insert; Milvus takes 64 MB
_PIECE_BYTES = 50_000_000  # what is smaller is in one piece after a flush
_CALL_S = 10.0  # for what takes milliseconds
_LEAST_CONNECT_S = 0.1
_ERASE_ROWS = 10_000  # in one request
_INSERT_S = 60.0
_FLUSH_S = 300.0
_STALLED_S = 600.0  # a graph that does not grow for so long will not
_LOAD_S = 600.0
_LOOK_EVERY_S = 0.5
# pymilvus would ask every ten seconds whether the server is there, also when there is nothing to do. Servers that do
# not expect it, Milvus Lite for one, hang up after half a minute, on whoever connects just then as well. Each call of
# ours has a deadline, which says as much.
_QUIET = {"grpc.keepalive_permit_without_calls": False, "grpc.keepalive_time_ms": 300_000}


class Milvus:
    """See `VectorServer`."""

    engine = "milvus"

    def __init__(self, uri: str, token: str = "") -> None:
        """Take note of where it is; the first call connects.

        Args:
            uri: http://HOST:19530, https:// or unix: likewise; a file that ends in .db is a Milvus Lite of this
                process alone.
            token: USER:PASSWORD or an API key; "" where none is needed.

        Raises:
            ConfigError: pymilvus is not installed.
        """
        if importlib.util.find_spec("pymilvus") is None:
            raise ConfigError(
                "A search by Milvus needs the package pymilvus.",
                hint='Install it: pip install "lookalike[milvus]".',
            )
        self._uri = uri
        self._token = token
        self._lock = threading.Lock()
        self._connected: Any = None

    @property
    def where(self) -> str:
        """See `VectorServer`."""
        parts = urlsplit(self._uri)
        return (
            f"Milvus at {parts.hostname}:{parts.port or 19530}"
            if parts.hostname
            else f"Milvus at {self._uri}"
        )

    def widths(self, graph: GraphKind) -> tuple[int, ...]:
        """See `VectorServer`."""
        return (16, 32, 64, 128, 256, 512, 1024, 2048) if graph == "hnsw" else (16, 32, 64, 100)

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        """See `VectorServer`."""
        name = collection.name
        with self._client() as client:
            if collection.graph == "diskann":
                _refuse_without_diskann(client.get_server_version(timeout=_CALL_S))
            self._create(client, name, vectors.shape[1])
            told(0, collection.rows)
            batch = max(1, _BATCH_BYTES // (4 * vectors.shape[1]))
            for start in range(0, collection.rows, batch):
                rows = np.asarray(vectors[start : start + batch], np.float32)
                entities = [{"id": start + number, "vector": row} for number, row in enumerate(rows)]
                client.insert(name, entities, timeout=_INSERT_S)
                told(start + len(rows), collection.rows)
            pieces = 4 * vectors.size > _PIECE_BYTES
            if not pieces:
                # Before the flush: Milvus may notice only a minute later that a graph is wanted after it.
                self._grow(client, collection)
            client.flush(name, timeout=_FLUSH_S)
            if pieces:
                # Merged before the graphs are built, or they would be built twice.
                self._compact(client, name)
                self._grow(client, collection)

            def built() -> tuple[bool, int]:
                found = client.describe_index(name, "vector", timeout=_CALL_S)
                if found["state"] == "Failed":
                    raise SearchUnavailableError(why=f"{self.where} could not build the graph of {name}.")
                done = collection.rows - int(found["pending_index_rows"])
                return found["state"] == "Finished" and done >= collection.rows, done

            self._until(built)
        self.check(collection, _LOAD_S)

    def check(self, collection: Collection, timeout_s: float) -> None:
        """See `VectorServer`."""
        name = collection.name
        with self._client(timeout_s) as client:
            state = client.get_load_state(name, timeout=timeout_s)["state"].name
            if state == "NotExist":
                raise self._missing(f"it has no collection {name}")
            rows = _rows(client, name, timeout_s)
            # Milvus counts what was erased until it is compacted.
            if not collection.rows - collection.gone <= rows <= collection.rows:
                raise self._missing(f"{name} has {rows:,} rows instead of {collection.rows:,}")
            if state != "Loaded":
                client.load_collection(name, timeout=timeout_s)

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        """See `VectorServer`."""
        k = min(k, _MOST_CANDIDATES)
        with self._client(timeout_s) as client:
            found = client.search(
                collection.name,
                list(probes),
                anns_field="vector",
                limit=k,
                search_params={"metric_type": "COSINE", "params": _reach(collection.graph, k, width)},
                output_fields=["id"],
                consistency_level="Eventually",
                timeout=timeout_s,
            )
        return [np.array(hits.ids, np.int64) for hits in found]

    def erase(self, collection: Collection, rows: Ids) -> int:
        """See `VectorServer`. It need not be loaded."""
        name = collection.name
        with self._client() as client:
            if not client.has_collection(name, timeout=_CALL_S):
                return 0
            # Erased and compacted rows are not counted any more: then there is nothing left to do.
            left = _rows(client, name, _CALL_S) - (collection.rows - len(rows))
            if left <= 0:
                return 0
            for start in range(0, len(rows), _ERASE_ROWS):
                client.delete(name, ids=rows[start : start + _ERASE_ROWS].tolist(), timeout=_INSERT_S)
            client.flush(name, timeout=_FLUSH_S)
            self._compact(client, name)
        return left

    def point(self, alias: str, collection: Collection) -> None:
        """See `VectorServer`."""
        with self._client() as client:
            if self.pointed(alias):
                client.alter_alias(collection.name, alias, timeout=_CALL_S)
            else:
                client.create_alias(collection.name, alias, timeout=_CALL_S)

    def pointed(self, alias: str) -> str:
        """See `VectorServer`."""
        # Milvus says differently, in different versions, that there is no such alias: so all are looked through.
        with self._client() as client:
            for name in client.list_collections(timeout=_CALL_S):
                if alias in client.list_aliases(name, timeout=_CALL_S)["aliases"]:
                    return str(name)
        return ""

    def unload(self, collection: Collection) -> None:
        """See `VectorServer`."""
        with self._client() as client:
            if client.has_collection(collection.name, timeout=_CALL_S):
                client.release_collection(collection.name, timeout=_CALL_S)

    def drop(self, name: str) -> None:
        """See `VectorServer`."""
        with self._client() as client:
            if client.has_collection(name, timeout=_CALL_S):
                client.drop_collection(name, timeout=_CALL_S)

    def _create(self, client: Any, name: str, dimension: int) -> None:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", pymilvus_only().DataType.INT64, is_primary=True)
        schema.add_field("vector", pymilvus_only().DataType.FLOAT_VECTOR, dim=dimension)
        client.create_collection(name, schema=schema, timeout=_CALL_S)

    def _grow(self, client: Any, collection: Collection) -> None:
        index = client.prepare_index_params()
        index.add_index("vector", index_name="vector", metric_type="COSINE", **_graph(collection.graph))
        client.create_index(collection.name, index, timeout=_STALLED_S, sync=False)

    def _compact(self, client: Any, name: str) -> None:
        """Let small pieces become large ones, without what was erased; both are there until the new ones are."""
        job = client.compact(name, timeout=_CALL_S)
        self._until(lambda: (client.get_compaction_state(job, timeout=_CALL_S) == "Completed", 0))

    def _until(self, look: Callable[[], tuple[bool, int]]) -> None:
        """Wait until `look` says (True, ...); fail when the number that it also says has long been the same."""
        before, since = -1, time.monotonic()
        while True:
            done, number = look()
            if done:
                return
            if number != before:
                before, since = number, time.monotonic()
            elif time.monotonic() - since > _STALLED_S:
                raise self._unavailable(f"it has got no further for {_STALLED_S:g} seconds")
            time.sleep(_LOOK_EVERY_S)

    @contextmanager
    def _client(self, timeout_s: float = _CALL_S) -> Iterator[Any]:
        """The client, connected; whatever goes wrong with it becomes an error of ours."""
        pymilvus = pymilvus_only()
        try:
            yield self._connection(pymilvus, timeout_s)
        except (pymilvus.MilvusException, pymilvus.decorators.grpc.RpcError) as error:
            raise self._unavailable(_words(error)) from error

    def _connection(self, pymilvus: Any, timeout_s: float) -> Any:
        deadline = time.monotonic() + min(timeout_s, _CALL_S)
        if not self._lock.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise self._unavailable("it does not let another thread connect")
        try:
            if self._connected is None:
                left_s = max(deadline - time.monotonic(), _LEAST_CONNECT_S)
                # Of its own, not shared by all of the process: it is closed when this object is forgotten.
                client = pymilvus.MilvusClient(
                    self._uri, token=self._token, timeout=left_s, dedicated=True, grpc_options=_QUIET
                )
                weakref.finalize(self, client.close).atexit = False
                self._connected = client
            return self._connected
        finally:
            self._lock.release()

    def _missing(self, why: str) -> SearchMissingError:
        return SearchMissingError(why=f"{self.where}: {why}. `rvs index publish` makes it again.")

    def _unavailable(self, why: str) -> SearchUnavailableError:
        return SearchUnavailableError(why=f"{self.where}: {why}.")


def _refuse_without_diskann(version: str) -> None:
    """Some take an order for what they do not have: Lite compares with every vector, the wheel's tries for ever."""
    if _LITE in version:
        raise ConfigError(
            f"This Milvus ({version}) was built without DiskANN.",
            hint="Set RVS_SEARCH_GRAPH=hnsw, or use a Milvus that was built with it.",
        )


def _rows(client: Any, name: str, timeout_s: float) -> int:
    return int(client.get_collection_stats(name, timeout=timeout_s)["row_count"])


def _graph(kind: GraphKind) -> dict[str, Any]:
    if kind == "diskann":
        return {"index_type": "DISKANN", "params": {}}
    return {"index_type": "HNSW", "params": {"M": HNSW_LINKS, "efConstruction": HNSW_BUILD_WIDTH}}


def _reach(kind: GraphKind, k: int, width: int) -> dict[str, int]:
    """How far to search. As wide as k at the least, or Milvus refuses; wider, so that the last of k are right."""
    wide = min(max(width, 2 * k), _WIDEST)
    if kind == "diskann":
        return {"search_list": min(wide, max(200, 10 * k))}  # more is refused
    return {"ef": wide}


def _words(error: Exception) -> str:
    """What an error of pymilvus or gRPC says, in a line."""
    code = getattr(error, "code", None)
    said = getattr(error, "message", "") or getattr(error, "details", lambda: "")() or ""
    if callable(code):
        said = f"{code().name.lower().replace('_', ' ')}, {said}"
    innermost = str(said).rsplit("message=", 1)[-1]  # around it: how often, and how long, it was tried
    return " ".join(innermost.split())[:300].rstrip(".")
