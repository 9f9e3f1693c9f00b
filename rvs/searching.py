"""Which index searches, by the settings: Annoy, exact comparison, or a server; and the store that goes with it."""

from dataclasses import dataclass
from typing import Literal

from rvs.errors import ConfigError
from rvs.gallery.publish import Publisher
from rvs.gallery.store import Store
from rvs.gallery.version import Version
from rvs.settings import Settings
from rvs.vectors.index import VectorIndex
from rvs.vectors.server import VectorServer


@dataclass(frozen=True, slots=True)
class Searching:
    """What searches for one process, which makes one of it and passes it on: so it has one client of the server.

    Attributes:
        store: the versions of the index in use; the server follows them.
        publisher: the server that searches; None where none does.
        here: what searches where no server does.
    """

    store: Store
    publisher: Publisher | None
    here: Literal["annoy", "exact"]

    def index(self, version: Version) -> VectorIndex:
        """The index that searches a version. One on a server connects at its first search.

        Raises:
            GalleryError: the version is damaged, or was not brought to the server.
        """
        return version.index(self.here) if self.publisher is None else self.publisher.open(version)

    def recall_at_10(self, version: Version) -> float:
        """Share of the ten exact neighbours that this index finds, as it was measured when it was made.

        Raises:
            GalleryError: as `index`.
        """
        if self.publisher is not None:
            return self.publisher.publication(version.folder).recall_at_10
        return 1.0 if self.here == "exact" else version.manifest.forest.recall_at_10


def searching_for(settings: Settings) -> Searching:
    """What searches by the settings.

    Raises:
        ConfigError: as `publisher_for`.
    """
    publisher = publisher_for(settings)
    store = Store(settings.index_dir / settings.index, publisher)
    return Searching(store, publisher, "exact" if settings.search == "exact" else "annoy")


def store_for(settings: Settings) -> Store:
    """The versions of the index in use, and the server that has to follow them, if any.

    Raises:
        ConfigError: as `publisher_for`.
    """
    return searching_for(settings).store


def publisher_for(settings: Settings) -> Publisher | None:
    """The server that searches; None where none does.

    Raises:
        ConfigError: a package for it is missing, or a setting that says where it is.
    """
    if settings.search not in ("milvus", "pgvector"):
        return None
    return Publisher(
        _server(settings),
        graph=settings.search_graph,
        timeout_s=settings.search_seconds,
        most_compared=settings.search_compared,
    )


def _server(settings: Settings) -> VectorServer:
    if settings.search == "milvus":
        from rvs.vectors.milvus_index import Milvus  # noqa: PLC0415

        token = settings.milvus_token
        return Milvus(settings.milvus_uri, token.get_secret_value() if token else "")
    if settings.search_graph == "diskann":
        raise ConfigError("pgvector has no DiskANN.", hint="Set RVS_SEARCH_GRAPH=hnsw.")
    if settings.pgvector_dsn is None:
        raise ConfigError(
            "It is not said where PostgreSQL is.",
            hint="Set RVS_PGVECTOR_DSN, as for psql, or another RVS_SEARCH.",
        )
    try:
        from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            "A search by PostgreSQL needs the package psycopg.",
            hint='Install it: pip install "lookalike[pgvector]".',
        ) from error
    return PgVector(settings.pgvector_dsn.get_secret_value())
