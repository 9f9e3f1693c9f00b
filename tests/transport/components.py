"""The components of a message: what Discord refuses in them, and the files they show.

Numbers of kinds: 1 row, 2 button, 3 string select, 5-8 other selects, 9 section, 10 text, 11 thumbnail,
12 gallery, 13 file, 14 separator, 17 container.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

from tests.transport.api_error import Json, invalid_form

V2_TYPES = frozenset({9, 10, 11, 12, 13, 14, 17})
SELECT_TYPES = frozenset({3, 5, 6, 7, 8})
MOST_COMPONENTS = 40
MOST_TEXT = 4000
Show = Callable[[str], Json]
"""From `attachment://name` or a link to the media object Discord answers with."""


def walk(components: Sequence[Json]) -> Iterator[Json]:
    """Each component, those inside others too, in the order people see them."""
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        yield from walk([component["accessory"]] if component.get("accessory") else [])


def texts(components: Sequence[Json]) -> list[str]:
    """Every text display."""
    return [str(part["content"]) for part in walk(components) if part["type"] == 10]


def _media(component: Json) -> list[Json]:
    if component["type"] == 11:
        return [component["media"]]
    if component["type"] == 12:
        return [item["media"] for item in component.get("items", [])]
    return [component["file"]] if component["type"] == 13 else []


def find_control(components: Sequence[Json], which: str | None) -> Json:
    """A button by its label, any control by its custom_id, or the only select when `which` is None."""
    controls = [part for part in walk(components) if "custom_id" in part]
    if which is None:
        found = [part for part in controls if part["type"] in SELECT_TYPES]
    else:
        found = [part for part in controls if which in {part["custom_id"], part.get("label")}]
    if len(found) != 1:
        offered = [part.get("label") or part["custom_id"] for part in controls]
        raise AssertionError(f"{len(found)} controls are called {which!r}; there are {offered}")
    if found[0].get("disabled"):
        raise AssertionError(f"{which!r} is disabled: nobody could press it")
    return found[0]


def check_components(components: Sequence[Json], *, v2: bool) -> None:
    """Raises 400/50035 for what Discord refuses: wrong style, too many, too long, empty, the same id twice."""
    parts = list(walk(components))
    if not v2 and any(part["type"] in V2_TYPES for part in parts):
        raise invalid_form(
            "components", "UNION_TYPE_CHOICES", "These components need the flag IS_COMPONENTS_V2."
        )
    if len(parts) > MOST_COMPONENTS or (not v2 and len(components) > 5):
        raise invalid_form("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "Too many components.")
    if sum(map(len, texts(components))) > MOST_TEXT:
        raise invalid_form("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "Too much text.")
    custom_ids = [part["custom_id"] for part in parts if "custom_id" in part]
    if len(custom_ids) != len(set(custom_ids)):
        raise invalid_form(
            "components", "COMPONENT_CUSTOM_ID_DUPLICATED", "A custom_id cannot be used twice."
        )
    for index, part in enumerate(parts):
        if wrong := _wrong(part):
            raise invalid_form(
                f"components.{index}.{wrong}", "BASE_TYPE_BAD_LENGTH", f"Bad length of {wrong}."
            )


def _wrong(part: Json) -> str | None:
    """The field whose length Discord would refuse, if there is one."""
    longest = {"custom_id": 100, "label": 80, "placeholder": 150}
    for name, most in longest.items():
        if len(part.get(name) or "") > most or (name == "custom_id" and part.get(name) == ""):
            return name
    between = {1: ("components", 1, 5), 3: ("options", 1, 25), 9: ("components", 1, 3), 12: ("items", 1, 10)}
    name, least, most = between.get(part["type"], ("", 0, 0))
    if name and not least <= len(part.get(name, [])) <= most:
        return name
    if part["type"] == 10 and not part["content"]:
        return "content"
    described = part.get("items", []) if part["type"] == 12 else [part]
    too_long = any(len(item.get("description") or "") > 1024 for item in described)
    return "description" if too_long else None


def resolve_components(components: Sequence[Json], show: Show) -> list[Json]:
    """A copy in which every component has an id, and every medium is what `show` makes of its address."""
    resolved = copy.deepcopy(list(components))
    for number, part in enumerate(walk(resolved), start=1):
        part.setdefault("id", number)
        for medium in _media(part):
            address = str(medium["url"])
            medium.clear()
            medium.update(show(address))
    return resolved
