"""Who asks, when, and with what photos. When they ask is assumed; how long a photo takes is for `measured` to say."""

from dataclasses import dataclass

import numpy as np

from tools.scaling.replicas import Seconds

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Photos:
    """How long a photo takes on a replica that has nothing else to do.

    Attributes:
        median_s: of one megapixel.
        p95_s: likewise.
        sizes: (name, time relative to one megapixel, share of all photos); the times were measured, the shares are
            assumed.
    """

    median_s: float
    p95_s: float
    sizes: tuple[tuple[str, float, float], ...]

    @property
    def mean_s(self) -> float:
        """Mean time of a photo."""
        spread = np.log(self.p95_s / self.median_s) / 1.645
        of_one = self.median_s * float(np.exp(spread**2 / 2))
        return of_one * sum(relative * share for _, relative, share in self.sizes)


@dataclass(frozen=True, slots=True)
class Crowd:
    """When people ask; all of it is assumed.

    Attributes:
        servers: Discord servers the bot is in.
        asks_per_day: questions a day from each, on average.
        swing: the evening has 1 + swing times the mean, the early morning 1 - swing times.
        peak_hour: of the evening, UTC.
        group: questions that come together on average, because who sees an answer asks too; geometric.
        group_gap_s: mean pause between the questions of a group.
        burst_every_h: hours between bursts, such as a streamer who shows the bot; one meets the evening's peak.
        burst_s: how long one lasts.
        burst_factor: how many times as many people ask meanwhile.
    """

    servers: int = 100_000
    asks_per_day: float = 5.0
    swing: float = 0.8
    peak_hour: float = 20.0
    group: float = 2.5
    group_gap_s: float = 15.0
    burst_every_h: float = 4.0
    burst_s: float = 600.0
    burst_factor: float = 3.0

    def rate(self, at_s: Seconds) -> Seconds:
        """Questions a second at times of the day, groups drawn together."""
        hours = at_s / 3600 - self.peak_hour
        since_burst_s = (hours % self.burst_every_h) * 3600
        mean = self.servers * self.asks_per_day / DAY_S
        day = 1 + self.swing * np.cos(2 * np.pi * hours / 24)
        # The bursts are part of the day's questions, not on top of them.
        burst_share = self.burst_s / (3600 * self.burst_every_h)
        usual = mean / (1 + burst_share * (self.burst_factor - 1))
        rate: Seconds = usual * day * np.where(since_burst_s < self.burst_s, self.burst_factor, 1.0)
        return rate


def arrivals(crowd: Crowd, begin_s: float, end_s: float, rng: np.random.Generator) -> Seconds:
    """Rising times of questions between two times of the day: a Poisson process of groups, thinned."""
    most = (1 + crowd.swing) * crowd.burst_factor * crowd.servers * crowd.asks_per_day / DAY_S / crowd.group
    candidates = rng.uniform(begin_s, end_s, rng.poisson(most * (end_s - begin_s)))
    kept = rng.uniform(0, most, len(candidates)) < crowd.rate(candidates) / crowd.group
    firsts = candidates[kept]
    sizes = rng.geometric(1 / crowd.group, len(firsts))
    pauses = rng.exponential(crowd.group_gap_s, sizes.sum())
    starts = np.cumsum(sizes) - sizes
    pauses[starts] = 0.0
    since = np.cumsum(pauses)
    times = np.repeat(firsts - since[starts], sizes) + since
    return np.sort(times[times < end_s])


def work(photos: Photos, count: int, rng: np.random.Generator) -> Seconds:
    """Seconds that each of `count` photos takes alone: log-normal about its size's median."""
    _, times, shares = zip(*photos.sizes, strict=True)
    relative = rng.choice(times, count, p=shares)
    spread = np.log(photos.p95_s / photos.median_s) / 1.645
    taken: Seconds = photos.median_s * relative * rng.lognormal(0, spread, count)
    return taken
