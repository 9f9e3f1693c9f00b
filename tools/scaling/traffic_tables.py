"""The tables of the simulation: what it assumes, and what came out."""

from typing import Any

from tools.scaling.cells import percent, seconds_waited, table
from tools.scaling.measured import Measured


def traffic_tables(found: dict[str, Any], measured: Measured) -> dict[str, str]:
    """Each by its name in the document, from the figures that `tools.traffic` writes."""
    return {
        "assumed": _assumed(found, measured),
        "replicas": _replicas(found),
        "policies": _policies(found),
        "needed": _needed(found),
    }


def _assumed(found: dict[str, Any], measured: Measured) -> str:
    crowd, photos, replica = found["assumed"], found["photos"], found["replica"]
    sizes = ", ".join(f"{share:.0%} of {size}" for size, _, share in photos["sizes"])
    at_once = len(replica["speeds"])
    where = f"measured, {measured.runtime.runtime} {measured.runtime.precision}"
    times = ", ".join(f"{relative:g}" for _, relative, _ in photos["sizes"])
    return table(
        ["what", "value", "from"],
        iter(
            [
                [
                    "questions",
                    f"{crowd['asks_per_day']:g} a day from each of {crowd['servers']:,} servers",
                    "assumed",
                ],
                [
                    "through the day",
                    f"{1 + crowd['swing']:g} times the mean at {crowd['peak_hour']:g} h,"
                    f" {1 - crowd['swing']:.2g} times twelve hours later",
                    "assumed",
                ],
                [
                    "bursts",
                    f"every {crowd['burst_every_h']:g} hours {crowd['burst_factor']:g} times as many, for"
                    f" {crowd['burst_s'] / 60:g} minutes; one meets the evening's peak",
                    "assumed",
                ],
                [
                    "groups",
                    f"{crowd['group']:g} questions on average, {crowd['group_gap_s']:g} s apart; groups come as a"
                    " Poisson process",
                    "assumed",
                ],
                [
                    "so",
                    f"{found['mean_per_s']:g} questions a second, {found['peak_per_s']:g} at most",
                    "simulated",
                ],
                ["photos", sizes, "assumed"],
                ["their time, of one megapixel's", times, where],
                [
                    "one megapixel",
                    f"{1000 * photos['median_s']:.0f} ms, p95 {1000 * photos['p95_s']:.0f} ms, log-normal",
                    where,
                ],
                [
                    "a replica",
                    f"{measured.machine.cores} cores; {at_once} photos at once, which are then done"
                    f" {replica['speeds'][-1]:g} times as fast as one by one;"
                    f" {found['replica_per_s']:g} photos a second of this mix",
                    where,
                ],
                ["its places", f"{replica['places']}, then it says it is busy", "the defaults"],
            ]
        ),
    )


def _replicas(found: dict[str, Any]) -> str:
    return table(
        [
            "replicas",
            "load in the burst",
            "median",
            "p95",
            "p99",
            "p99.9",
            "p99 of the busiest hour",
            "refused then",
        ],
        (
            [
                str(row["replicas"]),
                f"{row['load_in_burst']:.0%}",
                *(seconds_waited(row["day"][name]) for name in ("p50_s", "p95_s", "p99_s", "p999_s")),
                seconds_waited(row["busiest_hour"]["p99_s"]),
                percent(row["busiest_hour"]["refused"]),
            ]
            for row in found["replicas"]
        ),
    )


def _policies(found: dict[str, Any]) -> str:
    return table(
        ["the balancer picks", "median", "p95", "p99", "p99.9", "longest"],
        (
            [
                row["policy"],
                *(seconds_waited(row[name]) for name in ("p50_s", "p95_s", "p99_s", "p999_s", "longest_s")),
            ]
            for row in found["policies"]
        ),
    )


def _needed(found: dict[str, Any]) -> str:
    return table(
        ["servers", "questions a second in the burst", "replicas", "one more for a loss", "p99", "longest"],
        (
            [
                f"{row['servers']:,}",
                f"{row['peak_per_s']:,.1f}",
                str(row["replicas"]),
                str(row["replicas"] + 1),
                seconds_waited(row["p99_s"]),
                seconds_waited(row["longest_s"]),
            ]
            for row in found["needed"]
        ),
    )
