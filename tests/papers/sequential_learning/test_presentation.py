from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from common.datasets.dataset import ImageData
from papers.sequential_learning import presentation as module
from papers.sequential_learning.path import Task
from papers.sequential_learning.presentation import ImageSet, Presentation, image_set

CPU, NOWHERE = torch.device("cpu"), Path("no data needed")
MEAN = torch.tensor([0.2, 0.5, 0.7]).view(3, 1, 1)
STD = torch.tensor([0.1, 0.3, 0.4]).view(3, 1, 1)
PLAIN = Task("toy")
SIDE = 8


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def toy(images, mean=MEAN, std=STD):
    """Return an image set whose test images nobody may touch."""
    count = len(images)
    test = random(5, *images.shape[1:], seed=9)
    return ImageSet(images, torch.arange(count) % 3, test, torch.arange(5) % 3, 3, mean, std)


def colour(count=6):
    return toy(random(count, 3, SIDE, SIDE))


def every(data, runs=1, times=1):
    """Return the index of all training images, `times` over, for every run."""
    return torch.arange(len(data.labels)).repeat(times).expand(runs, -1)


def dot():
    """Return one image of 9x9 pixels, black but for a bright one in the middle, in three channels."""
    image = torch.zeros(1, 3, 9, 9)
    image[..., 4, 4] = 1.0
    return toy(image)


def moves(images):
    """Return how far down and right each image of a dot [R, B, C, H, W] was shifted, of the first run."""
    at = (images[0, :, 0] > 0).flatten(1).double().argmax(1)
    return list(zip((at // 9 - 4).tolist(), (at % 9 - 4).tolist(), strict=True))


def test_plain_images_are_standardised_by_channel_and_come_with_their_labels():
    data = colour()
    index = torch.tensor([[4, 0, 4], [1, 2, 3]])
    for present in (Presentation(data, [PLAIN] * 2, [0, 1]).in_training, Presentation(data, [PLAIN] * 2, [0, 1]).fixed):
        images, labels = present(index)
        torch.testing.assert_close(images, (data.images[index] - MEAN) / STD)
        assert labels.tolist() == [[1, 0, 1], [1, 2, 0]]


def test_bytes_are_divided_by_255():
    data = toy(torch.full((1, 3, 2, 2), 51, dtype=torch.uint8))
    images, _ = Presentation(data, [PLAIN], [0]).in_training(every(data))
    torch.testing.assert_close(images[0, 0], ((0.2 - MEAN) / STD).expand(3, 2, 2))


@pytest.mark.parametrize("tasks", [[PLAIN], [replace(PLAIN, blur=0.25), PLAIN], [PLAIN] * 2], ids=["1", "mixed", "2"])
def test_untransformed_bytes_are_kept_as_they_are_and_standardised_to_the_bit(tasks):
    data = toy((255 * random(6, 3, SIDE, SIDE)).to(torch.uint8))
    shown = Presentation(data, tasks, range(len(tasks)))
    before, _ = shown.fixed(every(data, len(tasks)))
    assert torch.equal(before[-1], (data.images / 255 - MEAN) / STD)
    data.images.zero_()  # the view of an untransformed task holds no copy
    after, _ = shown.fixed(every(data, len(tasks)))
    assert torch.equal(after[-1], (-MEAN / STD).expand_as(after[-1]))
    for run, task in enumerate(tasks):
        assert torch.equal(before[run], after[run]) == (task != PLAIN)


@pytest.mark.parametrize("antialias", [True, False])
def test_blur_and_contrast_come_before_the_standardisation_and_in_validation_too(antialias):
    data = colour()
    down = F.interpolate(data.images, (2, 2), mode="bilinear", align_corners=False, antialias=antialias)
    up = F.interpolate(down, (SIDE, SIDE), mode="bilinear", align_corners=False)
    grey = (0.2989 * up[:, 0] + 0.587 * up[:, 1] + 0.114 * up[:, 2]).mean((1, 2)).view(-1, 1, 1, 1)
    expected = (0.4 * up + 0.6 * grey - MEAN) / STD
    shown = Presentation(data, [replace(PLAIN, blur=0.25, contrast=0.4, antialias=antialias)], [0])
    for present in (shown.in_training, shown.fixed):
        torch.testing.assert_close(present(every(data))[0][0], expected)


def test_every_run_sees_its_own_task():
    data = colour()
    tasks = [replace(PLAIN, blur=0.25), PLAIN, replace(PLAIN, contrast=0.1), replace(PLAIN, blur=0.25)]
    together, _ = Presentation(data, tasks, range(4)).fixed(every(data, 4))
    for run, task in enumerate(tasks):
        alone, _ = Presentation(data, [task], [run]).fixed(every(data))
        assert torch.equal(together[run], alone[0])
    assert torch.equal(together[0], together[3])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (together[one] - together[other]).abs().max() > 0.1


def test_the_data_set_itself_stays_as_it_is():
    data = colour()
    copies = data.images.clone(), data.test_images.clone()
    shown = Presentation(data, [replace(PLAIN, blur=0.25, contrast=0.5, shift=0.5, flip=True), PLAIN], [0, 1])
    shown.in_training(every(data, 2))
    shown.fixed(every(data, 2))
    assert torch.equal(data.images, copies[0])
    assert torch.equal(data.test_images, copies[1])


@pytest.mark.parametrize(
    "task", [PLAIN, Task("toy", blur=0.25, contrast=0.1, shift=0.5, flip=True)], ids=["plain", "all"]
)
def test_test_images_are_never_transformed(task):
    data = colour()
    index = torch.tensor([[4, 0, 0, 2]])
    for _ in range(2):
        images, labels = Presentation(data, [task], [0]).to_test(index)
        assert torch.equal(images, data.test_images[index])
        assert labels.tolist() == [[1, 0, 0, 2]]


@pytest.mark.parametrize(("share", "limit"), [(0.5, 4), (0.25, 2), (0.1, 1)])
def test_shifts_reach_their_limit_in_all_directions_and_nothing_beyond(share, limit):
    shown = Presentation(dot(), [replace(PLAIN, shift=share)], [0])
    found = moves(shown.in_training(torch.zeros(1, 3000, dtype=torch.long))[0])
    reach = range(-limit, limit + 1)
    assert set(found) == {(down, right) for down in reach for right in reach}


def test_a_shift_is_drawn_at_every_presentation():
    data, task = dot(), replace(PLAIN, shift=0.25)
    shown = Presentation(data, [task], [0])
    index = torch.zeros(1, 40, dtype=torch.long)
    first, second = (moves(shown.in_training(index)[0]) for _ in range(2))
    assert len(set(first)) > 5  # of one image in one batch
    assert first != second
    again = Presentation(data, [task], [0])
    assert [moves(again.in_training(index)[0]) for _ in range(2)] == [first, second]
    assert moves(Presentation(data, [task], [1]).in_training(index)[0]) != first


def test_uncovered_pixels_are_black_in_the_units_of_every_channel():
    data = toy(torch.ones(1, 3, SIDE, SIDE))
    images, _ = Presentation(data, [replace(PLAIN, shift=0.5)], [0]).in_training(torch.zeros(1, 200, dtype=torch.long))
    black, white = (((value - MEAN) / STD).expand(3, SIDE, SIDE) for value in (0.0, 1.0))
    uncovered = (images[0] - black).abs() < 1e-5
    torch.testing.assert_close(torch.where(uncovered, black, white).expand_as(images[0]), images[0])
    assert torch.equal(uncovered.all(1), uncovered.any(1))  # all channels move together
    lost = uncovered[:, 0].flatten(1).sum(1)
    assert lost.max() == SIDE * SIDE - 16  # four pixels in both directions
    assert lost.min() == 0


def test_a_blurred_image_is_shifted_as_a_whole():
    data = dot()
    task = replace(PLAIN, blur=0.5, contrast=0.5)
    still, _ = Presentation(data, [task], [0]).in_training(every(data))
    moved, _ = Presentation(data, [replace(task, shift=0.25)], [0]).in_training(torch.zeros(1, 30, dtype=torch.long))
    shifts, _ = Presentation(dot(), [replace(PLAIN, shift=0.25)], [0]).in_training(torch.zeros(1, 30, dtype=torch.long))
    black = (-MEAN / STD).expand(3, 9, 9)
    for image, (down, right) in zip(moved[0], moves(shifts), strict=True):
        expected = black.clone()
        for y in range(9):
            for x in range(9):
                if 0 <= y - down < 9 and 0 <= x - right < 9:
                    expected[:, y, x] = still[0, 0, :, y - down, x - right]
        torch.testing.assert_close(image, expected, rtol=1e-5, atol=1e-5)


def test_a_run_is_shown_the_same_alone_and_among_neighbours():
    data = colour()
    tasks = [
        replace(PLAIN, shift=0.25),
        replace(PLAIN, flip=True),
        replace(PLAIN, shift=0.5, flip=True),
        PLAIN,
        replace(PLAIN, blur=0.25, shift=0.125),
    ]
    index = torch.stack([torch.randperm(6, generator=torch.Generator().manual_seed(run)) for run in range(len(tasks))])
    together = Presentation(data, tasks, range(len(tasks)))
    alone = [Presentation(data, [task], [run]) for run, task in enumerate(tasks)]
    for _ in range(3):
        images, labels = together.in_training(index)
        fixed, _ = together.fixed(index)
        for run, own in enumerate(alone):
            expected, own_labels = own.in_training(index[run : run + 1])
            torch.testing.assert_close(images[run], expected[0], rtol=1e-5, atol=1e-5)
            assert torch.equal(labels[run], own_labels[0])
            torch.testing.assert_close(fixed[run], own.fixed(index[run : run + 1])[0][0], rtol=1e-5, atol=1e-5)


def test_fixed_images_depend_on_neither_batch_nor_call_nor_training():
    data = colour(20)
    shown = Presentation(data, [replace(PLAIN, shift=0.5)] * 2, [0, 1])
    whole, _ = shown.fixed(every(data, 2))
    shown.in_training(every(data, 2))
    assert torch.equal(shown.fixed(every(data, 2))[0], whole)
    index = torch.tensor([[7, 3, 3], [19, 0, 7]])
    part, labels = shown.fixed(index)
    for run in range(2):
        assert torch.equal(part[run], whole[run, index[run]])
    assert torch.equal(labels, data.labels[index])
    assert not torch.equal(whole[0], whole[1])  # every run has shifts of its own


def test_fixed_images_of_a_shifted_task_are_shifted_each_by_its_own():
    data = toy(dot().images.expand(50, -1, -1, -1).contiguous())
    found = moves(Presentation(data, [replace(PLAIN, shift=0.25)], [0]).fixed(every(data))[0])
    assert set(found) <= {(y, x) for y in range(-2, 3) for x in range(-2, 3)}
    assert len(set(found)) > 10


def test_training_alone_mirrors_every_image_on_its_own():
    data = colour()
    shown = Presentation(data, [replace(PLAIN, flip=True)], [0])
    plain, _ = shown.fixed(every(data, times=50))
    torch.testing.assert_close(plain[0, :6], (data.images - MEAN) / STD)
    images, _ = shown.in_training(every(data, times=50))
    same = (images == plain)[0].flatten(1).all(1)
    mirrored = (images == plain.flip(-1))[0].flatten(1).all(1)
    assert torch.equal(mirrored, ~same)
    assert 100 < int(mirrored.sum()) < 200  # 150 expected of 300, deviation 8.7
    again, _ = shown.in_training(every(data, times=50))
    assert not torch.equal(images, again)


def test_raw_images_are_handed_through():
    images = (255 * random(4, 3, SIDE, SIDE)).to(torch.uint8)
    data = toy(images, None, None)
    shown = Presentation(data, [replace(PLAIN, share=0.5)], [0])
    for present in (shown.in_training, shown.fixed):
        found, _ = present(torch.tensor([[3, 1]]))
        assert found.dtype == torch.uint8
        assert torch.equal(found[0], images[[3, 1]])


@pytest.mark.parametrize("nuisance", [{"blur": 0.5}, {"contrast": 0.5}, {"shift": 0.5}, {"flip": True}], ids=str)
def test_raw_images_are_not_transformed(nuisance):
    with pytest.raises(ValueError, match="takes images as they are"):
        Presentation(toy(torch.zeros(2, 3, 4, 4), None, None), [PLAIN, replace(PLAIN, **nuisance)], [0, 1])


@pytest.fixture
def loaded(monkeypatch):
    """Let `image_set` read a small data set of bytes, and forget it afterwards."""
    images = (255 * random(12, 3, 4, 4)).to(torch.uint8)
    images[:, 2] //= 3
    labels = torch.arange(12) % 2
    data = ImageData("toy", images[:8], labels[:8], images[8:], labels[8:], 2)
    monkeypatch.setattr(module, "load", lambda dataset, folder: data)
    image_set.cache_clear()
    yield data
    image_set.cache_clear()


def test_a_data_set_is_standardised_by_its_training_images(loaded):
    data = image_set("toy", NOWHERE, CPU, True)
    unit = loaded.train_images.double() / 255
    mean, std = unit.mean((0, 2, 3)), unit.std((0, 2, 3), correction=0)
    torch.testing.assert_close(data.mean.double().flatten(), mean)
    torch.testing.assert_close(data.std.double().flatten(), std)
    test = (loaded.test_images.double() / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(data.test_images[:].double(), test, rtol=1e-5, atol=1e-5)
    assert torch.equal(data.images, loaded.train_images)
    assert torch.equal(data.labels, loaded.train_labels)
    assert torch.equal(data.test_labels, loaded.test_labels)
    assert data.num_classes == 2
    shown, _ = Presentation(data, [Task("toy", blur=0.5)], [0]).in_training(every(data))
    assert shown.std() < 0.9  # the moments are those of sharp images, whatever the task
    before = data.test_images[:]
    loaded.test_images.bitwise_not_()  # there is no other copy
    assert not (data.test_images[:] == before).any()


def test_a_network_that_standardises_by_itself_gets_the_bytes(loaded):
    data = image_set("toy", NOWHERE, CPU, False)
    assert data.mean is None
    assert data.std is None
    assert torch.equal(data.images, loaded.train_images)
    assert torch.equal(data.test_images, loaded.test_images)
    assert data.test_images.dtype == torch.uint8
