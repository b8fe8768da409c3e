import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UsageError
from common.train.batches import StratifiedBatches, shuffled_epochs

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


def test_every_epoch_takes_the_images_in_a_new_order_and_drops_the_last_partial_batch():
    own = torch.stack([torch.arange(100, 123), torch.arange(200, 223)])
    epochs = list(shuffled_epochs(own, 30, 5, [3, 4]))
    assert [[tuple(batch.shape) for batch in epoch] for epoch in epochs] == [[(2, 5)] * 4] * 30
    for run in range(2):
        orders = [torch.cat(list(epoch), 1)[run].tolist() for epoch in epochs]
        assert all(len(set(order)) == 20 and set(order) <= set(own[run].tolist()) for order in orders)
        assert set.union(*map(set, orders)) == set(own[run].tolist())  # no image is dropped for good
        assert len(set(map(tuple, orders))) == 30


def test_the_order_depends_on_the_runs_own_seed_alone():
    own = torch.arange(23).expand(2, -1)
    one, other = (torch.cat(list(next(shuffled_epochs(own, 1, 5, seeds))), 1) for seeds in ([3, 4], [9, 4]))
    assert torch.equal(one[1], other[1])
    assert not torch.equal(one[0], other[0])
    assert not torch.equal(one[0], one[1])
    twins = torch.cat(list(next(shuffled_epochs(own, 1, 5, [4, 4]))), 1)
    assert torch.equal(twins[0], twins[1])


def test_images_that_do_not_fill_a_batch_are_refused():
    with pytest.raises(ValueError, match="4 images do not fill a batch of 5"):
        next(iter(shuffled_epochs(torch.arange(4)[None], 1, 5, [0])))


def test_a_ragged_epoch_takes_every_image_once_and_ends_with_a_smaller_batch():
    own = torch.stack([torch.arange(100, 123), torch.arange(200, 223)])
    ragged = list(shuffled_epochs(own, 3, 5, [3, 4], ragged=True))
    assert [[tuple(batch.shape) for batch in epoch] for epoch in ragged] == [[(2, 5)] * 4 + [(2, 3)]] * 3
    for epoch, even in zip(ragged, shuffled_epochs(own, 3, 5, [3, 4]), strict=True):
        assert torch.equal(torch.cat(list(epoch), 1).sort().values, own)
        assert all(torch.equal(one, other) for one, other in zip(epoch, even, strict=False))
