"""Figures of groups, against loops over the definitions; labels from a file like LFW's."""

from pathlib import Path

import numpy as np
import pytest

from rvs.errors import ConfigError
from rvs.evaluation.coverage import coverage_of
from rvs.evaluation.lfw_attributes import read_attributes
from rvs.evaluation.retrieval import rank_probes
from rvs.evaluation.subgroups import GroupFigures, Subgroups, measure_subgroups
from rvs.faces.face import Box
from rvs.gallery.version import Version
from tests.evaluation.made_version import made_version
from tests.vectors.crowd import crowd

COLUMNS = ("Male", "Asian", "White", "Black", "Child", "Youth", "Middle Aged", "Senior", "Smiling", "Indian")
HEADER = "# something said by the authors\n#\tperson\timagenum\t" + "\t".join(COLUMNS)
COUNTS = [1] * 10 + [2] * 15 + [3] * 10 + [6] * 5 + [25]
PEOPLE = np.repeat(np.arange(len(COUNTS)), COUNTS)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    vectors = np.concatenate([
        crowd(1, count, dimension=8, spread=0.9, seed=person) for person, count in enumerate(COUNTS)
    ])  # fmt: skip
    boxes = [Box(50.0, 50.0, 50.0 + 40 + row, 200.0) for row in range(len(PEOPLE))]
    return made_version(tmp_path_factory.mktemp("groups") / "v1", vectors, PEOPLE, boxes=boxes)


@pytest.fixture(scope="module")
def labels(version: Version, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Every third person is not Male, every fourth Asian, every fifth a Senior; the last photo has no labels."""
    lines = [HEADER]
    for photo in version.photos[:-1]:
        person = int(photo.person[1:])
        values = dict.fromkeys(COLUMNS, -1.5)
        values["Male"] = -0.2 if person % 3 == 0 else 0.1
        values["Asian" if person % 4 == 0 else "White"] = -0.5  # none positive: the largest counts
        values["Senior" if person % 5 == 0 else "Middle Aged"] = 2.0
        number = int(photo.file[-8:-4])
        lines.append("\t".join([photo.person, str(number), *(str(values[name]) for name in COLUMNS)]))
    path = tmp_path_factory.mktemp("labels") / "lfw_attributes.txt"
    path.write_text("\n".join(lines) + "\n")
    return read_attributes(path)


@pytest.fixture(scope="module")
def found(version: Version, labels: dict[str, dict[str, float]]) -> Subgroups:
    return measure_subgroups(version, rank_probes(version.vectors, version.person_of), labels)


def group(found: Subgroups, sort: str, name: str) -> GroupFigures:
    (one,) = (one for one in found.groups if (one.sort, one.name) == (sort, name))
    return one


def test_groups_are_who_is_labelled_so(found: Subgroups) -> None:
    people, labelled = PEOPLE[:-1], len(PEOPLE) - 1
    assert found.labelled == labelled
    expected = {
        ("sex", "Male"): people % 3 != 0,
        ("sex", "not Male"): people % 3 == 0,
        ("origin", "Asian"): people % 4 == 0,
        ("origin", "White"): people % 4 != 0,
        ("age", "Senior"): people % 5 == 0,
        ("age", "Middle Aged"): people % 5 != 0,
    }
    for (sort, name), rows in expected.items():
        one = group(found, sort, name)
        assert one.photos == np.count_nonzero(rows)
        assert one.people == len(np.unique(people[rows]))


def test_figures_of_a_group_by_loop(version: Version, found: Subgroups) -> None:
    vectors = version.vectors.astype(np.float64)
    far = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)

    def first_photos(rows: list[int]) -> list[int]:
        return [rows[place] for place in np.unique(PEOPLE[rows], return_index=True)[1].tolist()]

    def stranger_pairs(rows: list[int]) -> list[float]:
        first = first_photos(rows)
        return [far[a, b] for number, a in enumerate(first) for b in first[number + 1 :]]

    every = sorted(stranger_pairs(list(range(len(PEOPLE)))))
    assert found.threshold == pytest.approx(every[int(len(every) * 1e-3)], abs=1e-3)

    rows = [row for row in range(len(PEOPLE) - 1) if PEOPLE[row] % 3 == 0]
    one = group(found, "sex", "not Male")
    probes = first = five = 0
    for row in rows:
        others = sorted(
            (other for other in range(len(PEOPLE)) if other != row), key=lambda other: far[row, other]
        )
        right = [PEOPLE[other] == PEOPLE[row] for other in others]
        if any(right):
            probes, first, five = probes + 1, first + right[0], five + any(right[:5])
    assert one.precision_at_1 is not None
    assert one.hit_at_5 is not None
    assert one.precision_at_1.of == one.hit_at_5.of == probes
    assert one.precision_at_1.share == pytest.approx(first / probes)
    assert one.hit_at_5.share == pytest.approx(five / probes)
    assert one.precision_at_1.low < first / probes < one.precision_at_1.high

    strangers = stranger_pairs(rows)
    assert one.false_matches is not None
    assert one.false_matches.of == len(strangers)
    assert one.false_matches.share == pytest.approx(np.mean(np.array(strangers) < found.threshold))
    assert one.true_accepts is not None
    # At most ten pairs of a person.
    counts = [PEOPLE[rows].tolist().count(person) for person in np.unique(PEOPLE[rows])]
    assert one.true_accepts.of == sum(min(10, count * (count - 1) // 2) for count in counts)


def test_a_group_of_one_person_has_no_strangers(found: Subgroups) -> None:
    one = group(found, "photos of the person", "20 or more")
    assert (one.people, one.false_matches) == (1, None)
    assert one.true_accepts is not None


def test_without_labels_there_are_the_groups_of_the_index(version: Version) -> None:
    found = measure_subgroups(version, rank_probes(version.vectors, version.person_of), None)
    assert found.labelled is None
    assert {one.sort for one in found.groups} == {"photos of the person", "width of the face"}
    counted = [one for one in found.groups if one.sort == "photos of the person"]
    assert [(one.name, one.people, one.photos) for one in counted] == [
        ("2", 15, 30),
        ("3 to 4", 10, 30),
        ("5 to 9", 5, 30),
        ("20 or more", 1, 25),
    ]
    widths = [one.photos for one in found.groups if one.sort == "width of the face"]
    assert sum(widths) == len(PEOPLE)
    assert max(widths) - min(widths) <= 1


def test_who_is_in_the_gallery(version: Version) -> None:
    found = coverage_of(version)
    assert (found.people, found.photos) == (len(COUNTS), len(PEOPLE))
    assert [(row.photos_each, row.people, row.photos) for row in found.by_photos] == [
        ("1", 10, 10),
        ("2", 15, 30),
        ("3 to 4", 10, 30),
        ("5 to 9", 5, 30),
        ("20 or more", 1, 25),
    ]
    assert found.share_of_ten == pytest.approx((25 + 5 * 6 + 4 * 3) / len(PEOPLE))


def test_a_line_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "lfw_attributes.txt"
    path.write_text(f"{HEADER}\nAbel Pacheco\t4\t1.5\t-2\t0.5\t-3\t-1\t-1\t2\t0.25\t9\t-4\n")
    assert read_attributes(path) == {
        "Abel_Pacheco/Abel_Pacheco_0004.jpg": {
            "Male": 1.5,
            "Asian": -2,
            "White": 0.5,
            "Black": -3,
            "Indian": -4,
            "Child": -1,
            "Youth": -1,
            "Middle Aged": 2,
            "Senior": 0.25,
        }
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("", "Line 2"),
        ("# a\n#\tperson\timagenum\tMale\n", "Line 2"),
        ("# a\nperson\timagenum\n", "Line 2"),
        (f"{HEADER}\nAbel Pacheco\t4\t1.5\n", "Line 3"),
        (f"{HEADER}\nAbel Pacheco\tfour" + "\t1" * 10 + "\n", "Line 3"),
        (f"{HEADER}\nAbel Pacheco\t4" + "\tyes" * 10 + "\n", "Line 3"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "lfw_attributes.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        read_attributes(path)
    assert "lfw_attributes.txt" in caught.value.hint
