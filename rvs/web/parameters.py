"""What can be asked for in the query of a request, checked; the OpenAPI document has it from here."""

import re
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rvs.errors import ConfigError
from rvs.render import MAX_PEOPLE

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


def _number(value: object) -> object:
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise ValueError("it has to be a whole number")
        return int(value)
    return value


def _flag(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("it has to be true or false")
        return value == "true"
    return value


def _face(value: object) -> object:
    return value if value == "all" else _number(value)


Number = Annotated[int, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]
PictureBytes = Annotated[
    Number,
    Field(
        ge=20_000, le=8_000_000, description="Most bytes of each picture; its quality is lowered for that."
    ),
]
Face = Annotated[Number, Field(ge=1, le=1_000_000)]


class Parameters(BaseModel):
    """The query of a request; one that has anything else is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FindParameters(Parameters):
    """Of `POST /v1/find`."""

    people: Number = Field(
        8, ge=1, le=100, description=f"How many people to name; a grid shows at most {MAX_PEOPLE}."
    )
    face: Face = Field(1, description="Which face, counted from 1, the largest first.")
    grid: Flag = Field(False, description="Include the picture grid.")
    overview: Flag = Field(
        False, description="Include the photo, small, with numbered faces, where it has several."
    )
    keep_photo: Flag = Field(
        False, description="Include the photo as a JPEG without metadata, of at most 2 MB."
    )
    max_bytes: PictureBytes = 1_000_000


class CompareParameters(Parameters):
    """Of `POST /v1/compare`."""

    picture: Flag = Field(False, description="Include the two faces side by side.")
    max_bytes: PictureBytes = 1_000_000


class EmbedParameters(Parameters):
    """Of `POST /v1/embed`."""

    face: Annotated[Face | Literal["all"], BeforeValidator(_face)] = Field(
        "all", description="Which face, counted from 1, the largest first; or all."
    )


_Asked = TypeVar("_Asked", bound=Parameters)


def parameters(request: web.Request, kind: type[_Asked], **defaults: object) -> _Asked:
    """The query of a request.

    Raises:
        ConfigError: a parameter that there is not, that comes twice, or that makes no sense.
    """
    query = request.query
    if len(query) != len(set(query)):
        raise ConfigError("A parameter comes twice.", hint="Send each once.")
    try:
        return kind.model_validate(defaults | dict(query))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0])
        known = ", ".join(kind.model_fields)
        if name not in kind.model_fields:
            raise ConfigError(f'There is no parameter "{name[:64]}".', hint=f"There are: {known}.") from error
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"The parameter {name} makes no sense: {reason}.") from error
