import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UsageError
from common.train.batches import StratifiedBatches

LABELS = torch.tensor([0] * 5 + [1] * 3 + [2] * 11)


def batches(index=None, classes=3, size=6, seed=0):
    return StratifiedBatches(LABELS, torch.arange(len(LABELS)) if index is None else index, classes, size, seed)


def test_every_batch_has_equally_many_images_of_every_class():
    for batch in batches().draw(50):
        assert LABELS[batch].bincount(minlength=3).tolist() == [2, 2, 2]


def test_every_class_goes_through_all_its_images_before_it_starts_again():
    drawn = batches().draw(33)
    for label, size in ((0, 5), (1, 3), (2, 11)):
        stream = drawn[LABELS[drawn] == label]
        rounds = stream[: len(stream) // size * size].view(-1, size)
        for one in rounds:
            assert sorted(one.tolist()) == (label == LABELS).nonzero().flatten().tolist()
        assert len({tuple(one.tolist()) for one in rounds}) > 1, "shuffled anew"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 3))
def test_drawing_in_parts_changes_no_batch(parts, seed):
    together, source = batches(seed=seed).draw(sum(parts)), batches(seed=seed)
    assert torch.equal(torch.cat([source.draw(count) for count in parts]), together)


def test_only_the_images_of_the_index_are_drawn():
    index = torch.tensor([0, 2, 6, 9, 12])
    drawn = batches(index).draw(20)
    assert set(drawn.flatten().tolist()) == set(index.tolist())


def test_a_seed_fixes_the_batches():
    assert torch.equal(batches(seed=3).draw(9), batches(seed=3).draw(9))
    assert not torch.equal(batches(seed=3).draw(9), batches(seed=4).draw(9))


def test_impossible_batches_are_refused():
    with pytest.raises(UsageError, match="a batch of 7 cannot hold equally many images of 3 classes"):
        batches(size=7)
    with pytest.raises(UsageError, match="class 1 has no image to train on"):
        batches(index=torch.tensor([0, 9]))
    with pytest.raises(UsageError, match="class 3 has no image"):
        batches(classes=4, size=8)
