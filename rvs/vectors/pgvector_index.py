"""A PostgreSQL with pgvector, as a server of collections, for those who run one already.

A collection is a table, made, filled and indexed in one transaction: it is there complete, or not at all. The
vectors are kept as halfvec: the stored ones are float16, so nothing is lost. An alias is a row of one small
table. pgvector proposes at most 1,000 rows from its graph; who asks for more gets them by a scan of the table.
"""

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import UniqueViolation

from rvs.arrays import Ids, Vectors
from rvs.errors import ConfigError, SearchMissingError, SearchUnavailableError
from rvs.vectors.server import HNSW_BUILD_WIDTH, HNSW_LINKS, Collection, GraphKind, Told

if TYPE_CHECKING:
    from psycopg.abc import RV, PQGen

_WIDEST = 1000  # what hnsw.ef_search can be
_CALL_S = 10.0  # for what takes milliseconds
_COPY_S = 3600.0
_GRAPH_S = 86_400.0
_COPY_ROWS = 20_000
_LEAST_CONNECT_S = 2  # libpq waits no less
_POINTERS = sql.Identifier("rvs_in_use")
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_MEBIBYTE = 1 << 20
_MOST_BUILD_MIB = 2048


class _Connection(psycopg.Connection[Any]):
    """A connection that waits for nothing longer than until its deadline."""

    deadline = float("inf")

    def wait(self, gen: "PQGen[RV]", interval: float = 0.1, timeout: float | None = None) -> "RV":
        left_s = max(self.deadline - time.monotonic(), 0.001)
        return super().wait(gen, interval, left_s if timeout is None else min(timeout, left_s))


class PgVector:
    """See `VectorServer`."""

    engine = "pgvector"

    def __init__(self, dsn: str) -> None:
        """Take note of where it is; the first call connects.

        Args:
            dsn: postgresql://USER:PASSWORD@HOST/DATABASE, or the same as `key=value` words.

        Raises:
            ConfigError: the DSN cannot be read.
        """
        try:
            self._parts = conninfo_to_dict(dsn)
            self._dsn = dsn
        except psycopg.Error:
            # Without the words of the error, which may repeat the password.
            raise ConfigError(
                "RVS_PGVECTOR_DSN cannot be read.", hint="Write postgresql://USER:PASSWORD@HOST/DATABASE."
            ) from None
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        weakref.finalize(self, _close, self._idle).atexit = False

    @property
    def where(self) -> str:
        """See `VectorServer`."""
        host, port = self._parts.get("host") or "localhost", self._parts.get("port") or 5432
        return f"PostgreSQL at {host}:{port}"

    def widths(self, graph: GraphKind) -> tuple[int, ...]:  # noqa: ARG002
        """See `VectorServer`."""
        return (16, 32, 64, 128, 256, 512, _WIDEST)

    def fill(self, collection: Collection, vectors: NDArray[np.floating], told: Told) -> None:
        """See `VectorServer`."""
        dimension = vectors.shape[1]
        table = sql.Identifier(collection.name)
        with self._connection(_CALL_S) as connection:
            with contextlib.suppress(UniqueViolation):  # another one makes it at this very moment
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            with connection.transaction():
                connection.execute(
                    sql.SQL("CREATE TABLE {} (id integer NOT NULL, vector halfvec({}) NOT NULL)").format(
                        table, sql.Literal(dimension)
                    )
                )
                # In the row itself, also when it is long: every candidate that is looked at is read.
                connection.execute(sql.SQL("ALTER TABLE {} ALTER vector SET STORAGE PLAIN").format(table))
                connection.deadline = time.monotonic() + _COPY_S
                copy_in = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)
                with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
                    copy.write(_COPY_HEAD)
                    told(0, collection.rows)
                    for start in range(0, collection.rows, _COPY_ROWS):
                        block = np.asarray(vectors[start : start + _COPY_ROWS])
                        copy.write(_packed(start, block))
                        told(start + len(block), collection.rows)
                    copy.write(_COPY_END)
                connection.deadline = time.monotonic() + _GRAPH_S
                self._index(connection, table, collection.rows, dimension)
                connection.execute(
                    sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(_comment(collection)))
                )
            connection.execute(sql.SQL("ANALYZE {}").format(table))

    def check(self, collection: Collection, timeout_s: float) -> None:
        """See `VectorServer`."""
        with self._connection(timeout_s) as connection:
            found = connection.execute(
                "SELECT obj_description(to_regclass(%s), 'pg_class')", [f'"{collection.name}"']
            ).fetchone()
        if found is None or found[0] != _comment(collection):
            raise SearchMissingError(
                why=f"{self.where}: it has no table {collection.name} with {collection.rows:,} rows. "
                "`rvs index publish` makes it again."
            )

    def candidates(
        self, collection: Collection, probes: Vectors, k: int, width: int, timeout_s: float
    ) -> list[Ids]:
        """See `VectorServer`."""
        table = sql.Identifier(collection.name)
        # An expression that no index fits is computed for every row.
        by_graph, by_scan = (
            sql.SQL("SELECT id FROM {} ORDER BY {} LIMIT %s").format(table, sql.SQL(distance))
            for distance in ("vector <=> %s::halfvec", "(vector <=> %s::halfvec) + 0")
        )
        surely = min(k, collection.rows - collection.gone)
        wide = min(max(width, 2 * k), _WIDEST)  # wider than k, so that the last of k are right
        found = []
        with self._connection(timeout_s) as connection:
            connection.execute("SELECT set_config('hnsw.ef_search', %s, false)", [str(wide)])
            for probe in probes:
                text = f"[{','.join(map(str, probe.tolist()))}]"
                rows = connection.execute(by_graph, [text, k]).fetchall() if k <= _WIDEST else []
                if len(rows) < surely:
                    # Until VACUUM is done, those that were erased take places in the graph, and are not returned.
                    rows = connection.execute(by_scan, [text, k]).fetchall()
                found.append(np.array([row[0] for row in rows], np.int64))
        return found

    def erase(self, collection: Collection, rows: Ids) -> int:
        """See `VectorServer`. The graph is mended around them, while it is searched."""
        table = sql.Identifier(collection.name)
        with self._connection(_CALL_S) as connection:
            if connection.execute("SELECT to_regclass(%s)", [f'"{collection.name}"']).fetchone() == (None,):
                return 0
            connection.deadline = time.monotonic() + _GRAPH_S
            delete = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(table)
            left = connection.execute(delete, [rows.tolist()]).rowcount
            # Also where none was left: who erased them may have been killed before this. Without the option, the
            # vectors would stay in the graph where they are few.
            connection.execute(sql.SQL("VACUUM (INDEX_CLEANUP ON) {}").format(table))
        return left

    def point(self, alias: str, collection: Collection) -> None:
        """See `VectorServer`."""
        with self._connection(_CALL_S) as connection:
            with contextlib.suppress(UniqueViolation):
                connection.execute(
                    sql.SQL(
                        "CREATE TABLE IF NOT EXISTS {} (alias text PRIMARY KEY, collection text NOT NULL)"
                    ).format(_POINTERS)
                )
            connection.execute(
                sql.SQL(
                    "INSERT INTO {} VALUES (%s, %s) "
                    "ON CONFLICT (alias) DO UPDATE SET collection = EXCLUDED.collection"
                ).format(_POINTERS),
                [alias, collection.name],
            )

    def pointed(self, alias: str) -> str:
        """See `VectorServer`."""
        with self._connection(_CALL_S) as connection:
            if connection.execute("SELECT to_regclass('rvs_in_use')").fetchone() == (None,):
                return ""
            found = connection.execute(
                sql.SQL("SELECT collection FROM {} WHERE alias = %s").format(_POINTERS), [alias]
            ).fetchone()
        return "" if found is None else str(found[0])

    def unload(self, collection: Collection) -> None:
        """Nothing to do: PostgreSQL keeps in memory what is asked for."""

    def drop(self, name: str) -> None:
        """See `VectorServer`."""
        with self._connection(_CALL_S) as connection:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))

    def _index(self, connection: _Connection, table: sql.Identifier, rows: int, dimension: int) -> None:
        """Build the graph, in memory if it fits: it takes many times as long otherwise."""
        needed = rows * (2 * dimension + 20 * HNSW_LINKS + 300) // _MEBIBYTE
        memory = f"{min(max(64, 2 * needed), _MOST_BUILD_MIB)}MB"
        connection.execute("SELECT set_config('maintenance_work_mem', %s, true)", [memory])
        connection.execute("SET LOCAL client_min_messages = error")  # a small table need not be told of
        connection.execute(
            sql.SQL(
                "CREATE INDEX ON {} USING hnsw (vector halfvec_cosine_ops) WITH (m = {}, ef_construction = {})"
            ).format(table, sql.Literal(HNSW_LINKS), sql.Literal(HNSW_BUILD_WIDTH))
        )

    @contextmanager
    def _connection(self, timeout_s: float) -> Iterator[_Connection]:
        """A connection for one thread; whatever goes wrong with it becomes an error of ours."""
        try:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = self._connect(timeout_s)
            connection.deadline = time.monotonic() + timeout_s
            try:
                yield connection
            except BaseException:
                connection.close()  # who knows in what state it is
                raise
            with self._lock:
                self._idle.append(connection)
        except psycopg.Error as error:
            # What killed this connection has killed those that are idle, too.
            with self._lock:
                dead, self._idle[:] = self._idle[:], []
            _close(dead)
            raise self._unavailable(_words(error)) from error

    def _connect(self, timeout_s: float) -> _Connection:
        limits: dict[str, int | str] = {
            "connect_timeout": max(_LEAST_CONNECT_S, int(timeout_s)),
            "application_name": "rvs",
        }
        return _Connection.connect(make_conninfo(self._dsn, **limits), autocommit=True)

    def _unavailable(self, why: str) -> SearchUnavailableError:
        return SearchUnavailableError(why=f"{self.where}: {why}.")


def _comment(collection: Collection) -> str:
    """Stands at the table, from the moment that it is complete."""
    return f"rvs, {collection.rows} rows"


def _packed(start: int, vectors: NDArray[np.floating]) -> bytes:
    """Rows as COPY takes them in its binary format: the number of fields, then each with its length before."""
    dimension = vectors.shape[1]
    rows = np.zeros(
        len(vectors),
        [
            ("fields", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i4"),
            ("vector_bytes", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f2", (dimension,)),
        ],
    )
    rows["fields"], rows["id_bytes"], rows["vector_bytes"], rows["dimension"] = (
        2,
        4,
        4 + 2 * dimension,
        dimension,
    )
    rows["id"] = np.arange(start, start + len(vectors))
    rows["vector"] = vectors
    return rows.tobytes()


def _close(connections: list[_Connection]) -> None:
    for connection in connections:
        connection.close()


def _words(error: psycopg.Error) -> str:
    """What an error of PostgreSQL says, in a line."""
    return " ".join((str(error) or type(error).__name__).split())[:300].rstrip(".?")
