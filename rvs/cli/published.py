"""How the commands tell what a version has on the server that searches: in words, and as JSON."""

from typing import Any

from rvs.gallery.publication import Publication


def published_words(done: Publication) -> str:
    """How many photos are where, and how well they are found; without a full stop."""
    where = f"{done.photos:,} photos in {done.collection}, recall@10 {done.recall_at_10:.4f}"
    if done.shared is None:
        return where
    beside = "none" if not done.shared.beside else f"{done.shared.beside:,}"
    return f"{where}; that is shared with older versions, and {beside} of the photos are compared from disk"


def published_json(done: Publication | None) -> dict[str, Any] | None:
    """The same for programs; null where no server searches."""
    if done is None:
        return None
    return {
        "collection": done.collection,
        "graph": done.graph,
        "width": done.width,
        "recall_at_10": done.recall_at_10,
        "shared": done.shared is not None,
        "beside": done.shared.beside if done.shared is not None else 0,
    }
