from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.datasets import train_validation_split


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("n", "fraction", "validation"),
    [
        (60_000, Fraction(1, 10), 6_000),
        (60_000, Fraction(1, 20), 3_000),
        (60_000, Fraction(1, 4), 15_000),
        (1_437, Fraction(1, 10), 143),
        (10, Fraction(7, 10), 7),  # 10 * 0.7 rounds down to 7 only with exact fractions of 7/10
        (100, Fraction(29, 100), 29),  # 100 * 0.29 is 28.999999999999996 in floating point
        (5, Fraction(0), 0),
    ],
)
def test_counts_are_exact(n, fraction, validation):
    train, held_out = train_validation_split(n, fraction, rng())
    assert (len(train), len(held_out)) == (n - validation, validation)


@settings(deadline=None, max_examples=50)
@given(n=st.integers(0, 200), fraction=st.fractions(0, Fraction(99, 100)), seed=st.integers(0, 99))
def test_every_index_lands_in_exactly_one_part(n, fraction, seed):
    train, validation = train_validation_split(n, fraction, rng(seed))
    assert sorted(train.tolist() + validation.tolist()) == list(range(n))
    again = train_validation_split(n, fraction, rng(seed))
    assert torch.equal(train, again[0])
    assert torch.equal(validation, again[1])


def test_split_is_random():
    split, other = (train_validation_split(1000, Fraction(1, 2), rng(seed))[1] for seed in (0, 1))
    assert split.tolist() != sorted(split.tolist())
    assert set(split.tolist()) != set(other.tolist())
    assert 440 < (split < 500).sum() * 2 < 560


def test_a_share_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match="3/2"):
        train_validation_split(10, Fraction(3, 2), rng())
