"""The OpenAPI 3.1 document of a running service, made from the models that requests and answers are made of.

It says what this service does as it is set up: its largest photo, its default number of people, whether it asks
for a key.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from rvs import __version__
from rvs.web.documents import CompareDocument, EmbedDocument, ErrorDocument, FindDocument
from rvs.web.parameters import CompareParameters, EmbedParameters, FindParameters, Parameters

Json = dict[str, Any]

_DESCRIPTION = """\
Whom do the faces in a photo resemble? We say "resembles", never "is".

Lengths are pixels of the photo after it was turned upright and, if it was large, reduced (`width_px` x `height_px`);
x goes right, y down. Fields are added, never renamed or removed, while `format` is 1. Nothing is kept: neither the
photo nor the answer."""
_ERRORS = {
    "400": "A parameter or the form makes no sense, or the photo has no face of that number.",
    "401": "The key is missing or wrong.",
    "403": "Without a key, another name than one of this machine was asked.",
    "408": "The photo did not arrive in time.",
    "413": "The photo has too many bytes.",
    "415": "Not a photo, or of a kind that is not read here.",
    "422": "The photo cannot be used, or has no face.",
    "500": "Something unexpected, or the index or weights are damaged.",
    "503": "Busy, starting or stopping: ask again after `Retry-After` seconds.",
    "504": "The answer took too long.",
}
_PHOTO: Json = {"type": "string", "format": "binary"}


def openapi_document(*, key_required: bool, people: int, photo_bytes: int) -> Json:
    """The document.

    Args:
        key_required: whether the service asks for a key.
        people: how many people are named by default.
        photo_bytes: the largest photo.
    """
    models: Sequence[type[BaseModel]] = (FindDocument, CompareDocument, EmbedDocument, ErrorDocument)
    _, shapes = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    body = f"At most {photo_bytes:,} bytes."
    find = _operation(
        "find", "Whom a face resembles", FindParameters, FindDocument, _photo_body(body), people=people
    )
    find["responses"]["200"]["content"]["image/jpeg"] = {"schema": _PHOTO}
    find["requestBody"]["x-max-bytes"] = photo_bytes  # for the page, which says so before it sends
    find["description"] = "With `Accept: image/jpeg` the answer is the picture grid itself."
    compare_body = _form_body(f"Each photo: {body.lower()}", "first", "second")
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Lookalike",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/v1/find": {"post": find},
            "/v1/compare": {
                "post": _operation(
                    "compare", "How alike two photos are", CompareParameters, CompareDocument, compare_body
                )
            },
            "/v1/embed": {
                "post": _operation(
                    "embed", "Faces as vectors", EmbedParameters, EmbedDocument, _photo_body(body)
                )
            },
            "/v1/openapi.json": {"get": _get("openapi", "This document", "application/json")},
            "/livez": {"get": _get("livez", "Whether the process lives", "text/plain")},
            "/readyz": {"get": _readyz()},
            "/metrics": {"get": _get("metrics", "Numbers for Prometheus", "text/plain")},
        },
        "components": {"schemas": {name: _plain(shape) for name, shape in shapes["$defs"].items()}},
    }
    if key_required:
        _ask_for_key(document)
    return document


def _operation(
    name: str,
    summary: str,
    asked: type[Parameters],
    answered: type[BaseModel],
    body: Json,
    **defaults: object,
) -> Json:
    # 401 is added where a key is asked for.
    errors = {status: _error(words) for status, words in _ERRORS.items() if status != "401"}
    errors["503"]["headers"] = {
        "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
    }
    answer = {"schema": {"$ref": f"#/components/schemas/{answered.__name__}"}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": _query(asked, defaults),
        "requestBody": {"required": True, **body},
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": answer}},
            **errors,
        },
    }


def _query(asked: type[Parameters], defaults: dict[str, object]) -> list[Json]:
    parameters = []
    for name, shape in asked.model_json_schema()["properties"].items():
        schema = _plain(shape)
        described = schema.pop("description", "")
        if name in defaults:
            schema["default"] = defaults[name]
        parameters.append({"name": name, "in": "query", "description": described, "schema": schema})
    return parameters


def _photo_body(description: str) -> Json:
    content: Json = {kind: {"schema": _PHOTO} for kind in ("image/*", "application/octet-stream")}
    return {"description": description, "content": content | _form("photo")}


def _form_body(description: str, *names: str) -> Json:
    return {"description": description, "content": _form(*names)}


def _form(*names: str) -> Json:
    shape = {
        "type": "object",
        "properties": dict.fromkeys(names, _PHOTO),
        "required": list(names),
        "additionalProperties": False,
    }
    return {"multipart/form-data": {"schema": shape}}


def _error(words: str) -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorDocument"}}}
    return {"description": words, "content": content}


def _get(name: str, summary: str, kind: str) -> Json:
    shape = {"type": "object"} if kind.endswith("json") else {"type": "string"}
    answer = {"description": summary, "content": {kind: {"schema": shape}}}
    return {"operationId": name, "summary": summary, "responses": {"200": answer}}


def _readyz() -> Json:
    operation = _get("readyz", "Whether questions are answered", "application/json")
    checks = {"type": "object", "additionalProperties": {"type": "boolean"}}
    shape = {
        "type": "object",
        "properties": {
            "ready": {"type": "boolean"},
            "failing": {"type": "array", "items": {"type": "string"}},
            "checks": checks,
        },
        "required": ["ready", "failing", "checks"],
    }
    content = {"application/json": {"schema": shape}}
    operation["responses"] = {
        "200": {"description": "They are.", "content": content},
        "503": {"description": "They are not; which checks fail.", "content": content},
    }
    return operation


def _ask_for_key(document: Json) -> None:
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path in ("/v1/find", "/v1/compare", "/v1/embed", "/metrics"):
        for operation in document["paths"][path].values():
            operation["security"] = [{"key": []}]
            operation["responses"]["401"] = _error(_ERRORS["401"])


def _plain(shape: Json) -> Json:
    """A schema without the titles that pydantic makes of names."""
    plain: Json = {}
    for key, value in shape.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "properties":
            plain[key] = {name: _plain(part) for name, part in value.items()}
        elif isinstance(value, dict):
            plain[key] = _plain(value)
        elif isinstance(value, list):
            plain[key] = [_plain(one) if isinstance(one, dict) else one for one in value]
        else:
            plain[key] = value
    return plain
