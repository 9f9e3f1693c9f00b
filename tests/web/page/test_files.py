"""The files of the page as they are served: nothing inline, nothing from elsewhere."""

import re
from importlib.resources import files

import pytest

from tests.web.running import PHOTO_BYTES, Running

NAMES = sorted(file.name for file in files("rvs.web.page").iterdir() if not file.name.startswith("__"))


@pytest.mark.parametrize("name", NAMES)
async def test_every_file_is_served_with_its_kind_and_a_strict_policy(web: Running, name: str) -> None:
    reply = await web.get("/" if name == "index.html" else f"/page/{name}")
    assert reply.status == 200
    assert reply.body == (files("rvs.web.page") / name).read_bytes()
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert reply.headers["Content-Type"].partition(";")[0] == kinds[name.rpartition(".")[2]]
    policy = dict(part.split(" ", 1) for part in reply.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
    assert policy["img-src"].split() == ["'self'", "blob:", "data:"]
    assert "unsafe" not in reply.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_another_place(name: str) -> None:
    text = (files("rvs.web.page") / name).read_text(encoding="utf-8")
    text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"\w+://|url\(|@import|src=\"//", text)


def test_the_document_has_nothing_inline() -> None:
    text = (files("rvs.web.page") / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
    assert all("src=" in script for script in re.findall(r"<script[^>]*>", text))


async def test_whatever_the_files_name_is_there(web: Running) -> None:
    named = set()
    for name in NAMES:
        text = (files("rvs.web.page") / name).read_text(encoding="utf-8")
        named |= set(re.findall(r'(?:href|src)="([^"]*)"', text))
        named |= {f"page/{file}" for file in re.findall(r'from "\./([^"]+)"', text)}
    assert len(named) >= 8
    for path in named:
        assert (await web.get(f"/{path}")).status == 200


async def test_the_service_says_what_the_page_has_to_know(web: Running) -> None:
    document = (await web.get("/v1/openapi.json")).document
    assert document["paths"]["/v1/find"]["post"]["requestBody"]["x-max-bytes"] == PHOTO_BYTES
