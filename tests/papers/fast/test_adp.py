from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papers.fast.adp import checkpoints, last_validation, validations

FIBONACCI = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765, 10946, 17711, 28657]


@pytest.mark.parametrize(
    ("steps", "last", "count"),
    [(118_750, 75025, 25), (29_040, 28657, 23), (233, 233, 13), (232, 144, 12), (1, 1, 2), (0, 0, 1)],
)
def test_checkpoints_are_fibonacci_numbers_each_once(steps, last, count):
    found = checkpoints(steps)
    assert (found[-1], len(found)) == (last, count)
    assert found[:23] == FIBONACCI[: len(found)]


def test_the_gap_between_validations_grows_from_one_to_ten():
    assert validations(75) == [0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 65, 75]
    assert validations(74)[-1] == 65
    assert validations(0) == [0]


@pytest.mark.parametrize(
    ("checkpoint", "last"),
    [
        *[(0, 0), (1, 1), (2, 1), (3, 3), (5, 3), (8, 6), (13, 10), (21, 21)],
        *[(34, 28), (55, 55), (89, 85), (144, 135), (233, 225), (377, 375)],
    ],
)
def test_what_is_deployed_at_a_checkpoint_was_validated_before_it(checkpoint, last):
    assert last_validation(checkpoint, validations(400)) == last


@given(st.integers(0, 2000))
def test_every_checkpoint_lies_less_than_a_gap_after_its_last_validation(steps):
    validated = validations(steps)
    gaps = [b - a for a, b in pairwise(validated)]
    assert gaps == [min(i + 1, 10) for i in range(len(gaps))]
    for checkpoint in checkpoints(steps):
        assert 0 <= checkpoint - last_validation(checkpoint, validated) < 10
