from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from papers.plasticity.splits import stage_sets


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def labels_of(classes, per_class, seed=0):
    return torch.arange(classes).repeat(per_class)[torch.randperm(classes * per_class, generator=rng(seed))]


def newcomers(sets):
    """Return what every stage brings, as sets of image numbers."""
    seen = [set(), *(set(own.tolist()) for own in sets)]
    return [after - before for before, after in pairwise(seen)]


@st.composite
def divisions(draw):
    classes = draw(st.integers(2, 6))
    labels = labels_of(classes, 2 * draw(st.integers(6, 12)), draw(st.integers(0, 9)))
    stages = draw(st.integers(0, classes - 1))
    uniform = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1))
    return labels, classes, stages, uniform, draw(st.integers(0, 99))


@settings(deadline=None, max_examples=100)
@given(divisions())
def test_sets_grow_to_all_images_and_hold_each_once(division):
    labels, classes, stages, uniform, seed = division
    sets = stage_sets(labels, classes, stages, uniform, rng(seed))
    assert len(sets) == stages + 1
    assert sorted(sets[-1].tolist()) == list(range(len(labels)))
    for own in sets:
        assert own.dtype == torch.int64
        assert len(own.unique()) == len(own)
    for before, after in pairwise(sets):
        assert set(before.tolist()) < set(after.tolist())
    again = stage_sets(labels, classes, stages, uniform, rng(seed))
    assert all(torch.equal(own, other) for own, other in zip(sets, again, strict=True))


@settings(deadline=None, max_examples=100)
@given(divisions())
def test_the_uniform_share_is_dealt_evenly_and_the_rest_comes_class_by_class(division):
    """The uniform share is the head of the generator's first permutation; all else follows from Section A.3."""
    labels, classes, stages, uniform, seed = division
    brought = newcomers(stage_sets(labels, classes, stages, uniform, rng(seed)))
    dealt = set(torch.randperm(len(labels), generator=rng(seed))[: round(uniform * len(labels))].tolist())
    sizes = [len(new & dealt) for new in brought]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == len(dealt)
    came = [{int(labels[image]) for image in new - dealt} for new in brought]
    assert sum(len(own) for own in came) == len(set.union(*came))  # no class comes in two stages
    if len(set.union(*came)) == classes:
        assert max(map(len, came)) - min(map(len, came)) <= 1


def test_class_by_class_every_class_comes_whole_in_one_stage():
    labels = labels_of(10, 6)
    brought = newcomers(stage_sets(labels, 10, 3, 0.0, rng()))
    came = [sorted({int(labels[image]) for image in new}) for new in brought]
    assert sorted(label for own in came for label in own) == list(range(10))
    assert sorted(map(len, came)) == [2, 2, 3, 3]
    assert [len(new) for new in brought] == [6 * len(own) for own in came]
    assert came != sorted(came)  # classes are dealt at random, not in their order


@pytest.mark.parametrize("stages", [1, 4, 9])
def test_uniform_stages_are_equal_parts_of_all_classes(stages):
    labels = labels_of(4, 100)
    sets = stage_sets(labels, 4, stages, 1.0, rng())
    assert [len(own) for own in sets] == [400 * (i + 1) // (stages + 1) for i in range(stages + 1)]
    assert (torch.bincount(labels[sets[0]], minlength=4) > 0).all()


def test_one_uniform_stage_holds_half_of_the_images_drawn_at_random():
    labels = torch.zeros(2000, dtype=torch.int64)
    half, everything = stage_sets(labels, 1, 1, 1.0, rng(0))
    other, _ = stage_sets(labels, 1, 1, 1.0, rng(1))
    assert len(half) == len(other) == 1000
    assert 400 < (half < 1000).sum() < 600
    assert 400 < len(set(half.tolist()) & set(other.tolist())) < 600
    assert torch.equal(everything.sort().values, torch.arange(2000))


def test_without_pretraining_there_is_one_set_in_the_order_that_other_arms_have():
    labels = labels_of(3, 10)
    (everything,) = stage_sets(labels, 3, 0, 1.0, rng())
    assert torch.equal(everything, stage_sets(labels, 3, 1, 1.0, rng())[-1])
    assert torch.equal(everything, stage_sets(labels, 3, 2, 0.5, rng())[-1])


@pytest.mark.parametrize(
    ("images", "classes", "stages", "uniform", "message"),
    [
        (12, 3, 1, -0.1, "a fraction between 0 and 1, not -0.1"),
        (12, 3, 1, 1.1, "a fraction between 0 and 1, not 1.1"),
        (12, 3, -1, 1.0, "-1 pretraining stages: there are none or more"),
        (12, 3, 3, 0.0, "3 pretraining stages need 4 classes to tell apart, and there are 3"),
        (13, 3, 1, 1.0, "13 images have no half"),
        (4, 2, 4, 1.0, "4 images leave a stage of 5 without anything new"),
    ],
)
def test_what_cannot_be_divided_is_refused(images, classes, stages, uniform, message):
    with pytest.raises(ValueError, match=message):
        stage_sets(torch.arange(images) % classes, classes, stages, uniform, rng())


def test_more_stages_than_classes_fit_where_a_share_is_uniform():
    brought = newcomers(stage_sets(labels_of(3, 20), 3, 4, 0.5, rng()))
    assert all(brought)


def test_a_stage_whose_classes_have_no_image_is_refused():
    with pytest.raises(ValueError, match="without anything new"):
        stage_sets(torch.zeros(10, dtype=torch.int64), 2, 1, 0.0, rng())
