"""The report's sections about people: who is in the gallery, and for whom it works better and worse."""

from rvs.evaluation.coverage import Coverage
from rvs.evaluation.markdown_table import percent, table
from rvs.evaluation.shares import Share
from rvs.evaluation.subgroups import Subgroups

_NO_LABELS = (
    "LFW's attribute labels were not on the machine (`--attributes`), so nothing here is by sex, skin colour or age. "
    "LFW shows people who were in the news around 2003, nearly all of them adults. By a published count, 77.5 % are "
    'men and 83.5 % are white (Han and Jain, 2014, as quoted by Buolamwini and Gebru, "Gender Shades", 2018). So for '
    "women, for people who are not white, for children and for the old, the figures of this page rest on few photos, "
    "and the gallery has fewer people whom they could resemble. Most face networks confuse just these people more "
    'often (Grother, Ngan and Hanaoka, "Face Recognition Vendor Test Part 3: Demographic Effects", NISTIR 8280, '
    "2019). Whether this one does was not measured; expect it."
)


def coverage_section(found: Coverage) -> list[str]:
    """Who is in the gallery."""
    return [
        "## Who is in the gallery",
        "",
        f"The ten most photographed people are on {percent(found.share_of_ten, 1)} of the photos.",
        "",
        *table(
            ("photos of a person", "people", "photos"),
            [(row.photos_each, f"{row.people:,}", f"{row.photos:,}") for row in found.by_photos],
        ),
    ]


def subgroups_section(found: Subgroups) -> list[str]:
    """For whom it works better and worse."""
    lines = ["## For whom it works better and worse", ""]
    if found.labelled is None:
        lines += [_NO_LABELS]
    else:
        lines += [
            f"By LFW's attribute labels, which {found.labelled:,} of the photos have (Kumar et al., ICCV 2009). "
            "Classifiers made the labels, so some are wrong; the names of the groups are those of the labels.",
        ]
    lines += [
        "",
        "P@1 and hit@5: the group's photos among the whole gallery. False matches: pairs of strangers within the "
        f"group that are closer than {found.threshold:.3f}, as 1 in 1,000 pairs of all strangers are. True accepts: "
        "pairs of one person that are closer than it. In brackets: 95 % intervals (Wilson), which take photos for "
        "independent of each other and so are somewhat too narrow.",
    ]
    for sort in dict.fromkeys(group.sort for group in found.groups):
        lines += [
            "",
            *table(
                (sort, "photos", "people", "P@1", "hit@5", "false matches in 1,000", "true accepts"),
                [
                    (
                        group.name,
                        f"{group.photos:,}",
                        f"{group.people:,}",
                        _share(group.precision_at_1),
                        _share(group.hit_at_5),
                        _share(group.false_matches, 1000, 2),
                        _share(group.true_accepts),
                    )
                    for group in found.groups
                    if group.sort == sort
                ],
            ),
        ]
    return lines


def _share(share: Share | None, times: float = 1, digits: int = 3) -> str:
    if share is None:
        return "-"
    value, low, high = (f"{number * times:.{digits}f}" for number in (share.share, share.low, share.high))
    return f"{value} ({low} to {high})"
