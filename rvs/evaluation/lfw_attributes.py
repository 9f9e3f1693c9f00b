"""LFW's public attribute labels, read from their file: who is labelled as what.

The labels are those of Kumar, Berg, Belhumeur and Nayar, "Attribute and Simile Classifiers for Face Verification"
(ICCV 2009): a number for each of 73 attributes of each photo, positive where the photo has it. Classifiers made
them, not people, so some are wrong. The file is not ours to ship, and nothing is fetched.
"""

from pathlib import Path

from rvs.errors import ConfigError
from rvs.gallery.lfw import photo_file

SEX = "Male"
ORIGINS = ("Asian", "White", "Black", "Indian")
AGES = ("Child", "Youth", "Middle Aged", "Senior")
_WANTED = (SEX, *ORIGINS, *AGES)
_HINT = "Give LFW's own lfw_attributes.txt: a comment, the names of the columns, then a line per photo."


def read_attributes(path: Path) -> dict[str, dict[str, float]]:
    """The attributes that groups are made of, by photo ("Abel_Pacheco/Abel_Pacheco_0001.jpg").

    Raises:
        ConfigError: the file is missing or not of that form; the sentence names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The attributes file {path} cannot be read.", hint=_HINT) from error
    columns = lines[1].split("\t")[1:] if len(lines) > 1 else []
    if columns[:2] != ["person", "imagenum"] or not set(_WANTED) <= set(columns):
        raise ConfigError(
            f"Line 2 of the attributes file {path} does not name the columns that are needed.", hint=_HINT
        )
    places = [(name, columns.index(name)) for name in _WANTED]
    found: dict[str, dict[str, float]] = {}
    for number, line in enumerate(lines[2:], start=3):
        fields = line.split("\t")
        try:
            file = photo_file(fields[0].replace(" ", "_"), int(fields[1]))
            found[file] = {name: float(fields[place]) for name, place in places}
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"Line {number} of the attributes file {path} makes no sense.", hint=_HINT
            ) from error
    return found
