"""The narrowest width that is wide enough."""

from rvs.vectors.tuning import narrowest

RECALL = {1: 0.1, 2: 0.5, 4: 0.9, 8: 0.9, 16: 0.99, 32: 1.0}


def test_the_smallest_step_that_reaches_the_target() -> None:
    steps = tuple(RECALL)
    found = {target: narrowest(steps, RECALL.__getitem__, target)[0] for target in (0.0, 0.5, 0.51, 0.9, 1.0)}
    assert found == {0.0: 1, 0.5: 2, 0.51: 4, 0.9: 4, 1.0: 32}


def test_the_last_step_when_none_does() -> None:
    assert narrowest(tuple(RECALL), RECALL.__getitem__, 1.1) == (32, 1.0)
    assert narrowest([8], RECALL.__getitem__, 1.0) == (8, 0.9)


def test_measures_each_step_at_most_once_and_not_all() -> None:
    measured: list[int] = []

    def recall(step: int) -> float:
        measured.append(step)
        return RECALL[step]

    narrowest(tuple(RECALL), recall, 0.9)
    assert len(measured) == len(set(measured)) < len(RECALL)
