"""The same service as in the tests of the web, to be asked from elsewhere."""

from tests.web.conftest import group, portrait, served, wall

__all__ = ["group", "portrait", "served", "wall"]
