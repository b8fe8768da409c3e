"""The numbers that work is estimated from are those that `load` holds a data set against."""

import pytest

from common.datasets.published import IMAGES
from papers.fast.procedures import IMAGES as FAST
from papers.freezenet.procedures import SIZES as FREEZENET
from papers.plasticity.procedures import SIZES as PLASTICITY
from papers.sequential_learning.data import FACTS


def of_published(table):
    return [(name, entry) for name, entry in table.items() if name in IMAGES]


@pytest.mark.parametrize(("name", "entry"), of_published(FREEZENET))
def test_numbers_of_freezenet(name, entry):
    assert entry[:2] == IMAGES[name]


@pytest.mark.parametrize(("name", "entry"), of_published(PLASTICITY))
def test_numbers_of_plasticity(name, entry):
    assert (entry[0], entry[2]) == IMAGES[name]


@pytest.mark.parametrize(("name", "facts"), of_published(FACTS))
def test_numbers_of_sequential_learning(name, facts):
    assert facts.images == IMAGES[name][0]


@pytest.mark.parametrize(("name", "entry"), of_published(FAST))
def test_numbers_of_fast(name, entry):
    published = IMAGES[name]
    if len(published) == 1:  # divided by us, class by class, each rounded down
        assert entry[1] == pytest.approx(published[0] / 5, rel=0.02)
    else:
        assert entry[1] == published[1]
