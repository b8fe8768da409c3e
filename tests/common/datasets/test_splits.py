from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.datasets import stratified_split, train_validation_split


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


many_labels = st.lists(st.integers(0, 6), min_size=1, max_size=120)
shares = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100)


def stratified_as_told(labels, seed, wanted, **how):
    """Check one split against `wanted`: a map from class size to validation images."""
    sizes = torch.bincount(labels)
    counts = torch.tensor([wanted(size) if size else 0 for size in sizes.tolist()])
    if any(0 < size <= count for size, count in zip(sizes.tolist(), counts.tolist(), strict=True)):
        with pytest.raises(ValueError, match="leave none to train on"):
            stratified_split(labels, rng(seed), **how)
        return
    train, validation = stratified_split(labels, rng(seed), **how)
    assert train.dtype == validation.dtype == torch.int64
    assert sorted(train.tolist() + validation.tolist()) == list(range(len(labels)))
    assert torch.equal(torch.bincount(labels[validation], minlength=len(sizes)), counts)
    again = stratified_split(labels, rng(seed), **how)
    assert torch.equal(train, again[0])
    assert torch.equal(validation, again[1])


@settings(deadline=None, max_examples=60)
@given(labels=many_labels, share=shares, seed=st.integers(0, 99))
def test_every_class_gives_its_share_rounded_down_and_at_least_one(labels, share, seed):
    def wanted(size):
        return max(1, size * share.numerator // share.denominator)

    stratified_as_told(torch.tensor(labels), seed, wanted, share=share)


@settings(deadline=None, max_examples=60)
@given(labels=many_labels, per_class=st.integers(1, 12), seed=st.integers(0, 99))
def test_every_class_gives_so_many(labels, per_class, seed):
    stratified_as_told(torch.tensor(labels), seed, lambda size: per_class, per_class=per_class)


def test_stratified_split_at_the_size_of_cifar100():
    labels = torch.arange(50_000) % 100
    train, validation = stratified_split(labels, rng(), share=Fraction(1, 20))
    assert torch.bincount(labels[validation]).tolist() == [25] * 100
    assert len(train) == 47_500


def test_stratified_split_is_random_within_classes_and_across_them():
    labels = torch.arange(2000) // 1000
    train, validation = stratified_split(labels, rng(0), share=Fraction(1, 2))
    other = stratified_split(labels, rng(1), share=Fraction(1, 2))[1]
    assert set(validation.tolist()) != set(other.tolist())
    for label in (0, 1):  # both halves of a class are drawn from about equally
        places = validation[labels[validation] == label] - 1000 * label
        assert 190 < (places < 500).sum() < 310
    for part in (train, validation):  # classes do not come in turn
        assert 190 < labels[part][:500].sum() < 310


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({}, "give either"),
        ({"share": Fraction(1, 5), "per_class": 1}, "give either"),
        ({"share": Fraction(0)}, r"within \(0, 1\), not 0"),
        ({"share": Fraction(1)}, r"within \(0, 1\), not 1"),
        ({"per_class": 0}, "at least 1 image, not 0"),
        ({"per_class": 2}, "class 1 has 2 images"),
    ],
)
def test_a_stratified_split_that_cannot_be_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        stratified_split(torch.tensor([0, 0, 0, 1, 1]), rng(), **how)
