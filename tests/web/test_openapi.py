"""The OpenAPI document is valid, complete, and true: Schemathesis asks the real service by it."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from rvs.answer import Served
from rvs.web.openapi import openapi_document
from tests.web.running import KEY, PHOTO_BYTES, Running, Setup, running


@pytest.mark.parametrize("key_required", [False, True])
def test_it_is_valid(key_required: bool) -> None:
    document = openapi_document(key_required=key_required, people=8, photo_bytes=PHOTO_BYTES)
    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)


async def test_it_is_served_and_names_every_address_of_programs(web: Running) -> None:
    document = (await web.get("/v1/openapi.json")).document
    assert document == openapi_document(key_required=False, people=8, photo_bytes=PHOTO_BYTES)
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == {
        ("/v1/find", "POST"),
        ("/v1/compare", "POST"),
        ("/v1/embed", "POST"),
        ("/v1/openapi.json", "GET"),
        ("/livez", "GET"),
        ("/readyz", "GET"),
        ("/metrics", "GET"),
    }
    for path, method in described:
        assert (await web.get(path, method)).status not in {404, 405}


def test_it_says_what_is_set() -> None:
    document = openapi_document(key_required=True, people=5, photo_bytes=1234)
    find = document["paths"]["/v1/find"]["post"]
    people = next(one for one in find["parameters"] if one["name"] == "people")
    assert people["schema"]["default"] == 5
    assert "1,234" in find["requestBody"]["description"]
    assert find["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/livez"]["get"]
    assert "security" not in str(openapi_document(key_required=False, people=5, photo_bytes=1234))


class _InThread:
    """A service in a thread of its own, for a client that waits where it asks."""

    def __init__(self, served: Served, setup: Setup) -> None:
        self._served = served
        self._setup = setup
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self.url = ""

    async def _run(self) -> None:
        async with running(self._served, self._setup) as server:
            self.url = server.url
            self._listening.set()
            await self._stop.wait()

    def __enter__(self) -> "_InThread":
        self._thread.start()
        assert self._listening.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


DOCUMENT = openapi_document(key_required=True, people=8, photo_bytes=PHOTO_BYTES)
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def described(served: Served, portrait: bytes, group: bytes, wall: bytes) -> Iterator[str]:
    """The address of a service that the document describes."""
    others = st.sampled_from([wall, portrait[:2000], b"", b"text"]) | st.binary(max_size=64)
    photos = st.sampled_from([portrait, group]) | others
    schemathesis.openapi.format("binary", photos)
    for kind in ("image/*", "application/octet-stream"):
        schemathesis.openapi.media_type(kind, photos)
    with _InThread(served, Setup(key=KEY)) as server:
        yield server.url


@schema.parametrize()
@examples(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_what_it_says_is_so(case: "schemathesis.Case[Any]", described: str) -> None:
    """Answers have the status, type and shape that are described; what is described as wrong is refused."""
    case.call_and_validate(
        base_url=described,
        headers={"Authorization": f"Bearer {KEY}"},
        # Bytes can be of the right type and still be no photo.
        excluded_checks=[positive_data_acceptance],
    )
