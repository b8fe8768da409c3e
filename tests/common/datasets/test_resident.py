"""Images on a device are what `standardised` makes of them, to the bit, and bytes stay bytes."""

import pytest
import torch

from common.datasets.dataset import ImageData
from common.datasets.resident import Resident

CPU, META = torch.device("cpu"), torch.device("meta")


def bytes_of(*shape, seed=0):
    images = torch.randint(256, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8)
    images[:, -1] //= 3  # channels of different moments
    return images


def floats_of(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 3


def data_of(make, train=40, test=9, channels=3):
    images = make(train, channels, 5, 4), make(test, channels, 5, 4, seed=1)
    labels = (torch.arange(len(own)) % 2 for own in images)
    return ImageData("toy", images[0], next(labels), images[1], next(labels), 2)


def by_hand(data, images):
    """Standardise with numpy, in single precision and in the order of the formula."""
    mean, std = (moment.numpy() for moment in data.moments())
    values = images.numpy().astype("float32")
    return torch.from_numpy(((values / 255 if images.dtype == torch.uint8 else values) - mean) / std)


KINDS = pytest.mark.parametrize("make", [bytes_of, floats_of])
INDICES = {
    "index": torch.tensor([3, 0, 3, 8]),
    "index of runs": torch.tensor([[1, 2, 8], [0, 0, 5]]),
    "nothing": torch.zeros(2, 0, dtype=torch.int64),
    "slice": slice(2, 7),
    "open slice": slice(5, None),
    "everything": slice(None),
}


@KINDS
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_what_is_looked_at_is_standardised_to_the_bit(make, index, channels):
    data = data_of(make, channels=channels)
    sets = data.train_images, data.test_images
    for images, resident, whole in zip(sets, data.resident(CPU), data.standardised(), strict=True):
        seen = resident[index]
        assert seen.dtype == torch.float32
        assert torch.equal(seen, by_hand(data, images)[index])
        assert torch.equal(seen, whole[index])


def test_every_byte_becomes_what_division_makes_of_it():
    data = data_of(lambda *shape, seed=0: torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1), channels=1)
    train, _ = data.resident(CPU)
    assert torch.equal(train[:], by_hand(data, data.train_images))
    assert train[:].unique().numel() == 256


def test_test_images_are_standardised_by_the_moments_of_the_training_images():
    white = torch.full((2, 1, 1, 1), 255, dtype=torch.uint8)
    train = torch.tensor([0, 0, 51, 51], dtype=torch.uint8).view(4, 1, 1, 1)
    labels = torch.zeros(4, dtype=torch.int64)
    _, test = ImageData("toy", train, labels, white, labels[:2], 1).resident(CPU)
    assert test[:].flatten().tolist() == pytest.approx([9.0, 9.0])  # (1 - 0.1) / 0.1


@KINDS
def test_it_has_length_shape_and_device_of_its_images(make):
    train, test = data_of(make).resident(CPU)
    assert (len(train), len(test)) == (40, 9)
    assert train.shape == (40, 3, 5, 4)
    assert test.shape == (9, 3, 5, 4)
    assert train.device == test.device == CPU


def test_bytes_stay_bytes_a_quarter_of_the_memory_of_floats():
    sizes = []
    for make in (bytes_of, floats_of):
        train, _ = data_of(make).resident(CPU)
        kept = [value for value in vars(train).values() if isinstance(value, torch.Tensor)]
        sizes.append(sum(value.nbytes for value in kept))
    small = 100  # moments and the like
    assert 40 * 3 * 5 * 4 <= sizes[0] < 40 * 3 * 5 * 4 + small
    assert 4 * 40 * 3 * 5 * 4 <= sizes[1] < 4 * 40 * 3 * 5 * 4 + small


def test_floats_are_standardised_once():
    train, _ = data_of(floats_of).resident(CPU)
    assert train[2:5].untyped_storage().data_ptr() == train[:].untyped_storage().data_ptr()


@KINDS
def test_the_data_set_itself_stays_as_it_is(make):
    data = data_of(make)
    copies = data.train_images.clone(), data.test_images.clone()
    for resident in data.resident(CPU):
        resident[:].zero_()
        resident[torch.arange(3)].zero_()
    assert torch.equal(data.train_images, copies[0])
    assert torch.equal(data.test_images, copies[1])


def test_looking_at_bytes_leaves_them_as_they_are():
    train, _ = data_of(bytes_of).resident(CPU)
    first = train[:].clone()
    train[:].zero_()
    train[torch.arange(40)].zero_()
    assert torch.equal(train[:], first)


@KINDS
def test_a_constant_channel_is_refused(make):
    images = make(6, 2, 3, 3)
    images[:, 1] = 7
    labels = torch.zeros(6, dtype=torch.int64)
    with pytest.raises(ValueError, match="toy: a channel of the training images is constant"):
        ImageData("toy", images, labels, images, labels, 1).resident(CPU)


@KINDS
@pytest.mark.parametrize("index", [torch.zeros(2, 5, dtype=torch.int64, device=META), slice(3)], ids=["index", "slice"])
def test_nothing_is_read_back_to_the_host(make, index):
    moments = torch.ones(3, 1, 1, device=META), torch.ones(3, 1, 1, device=META)
    resident = Resident(make(8, 3, 5, 4).to(META), *moments)  # no value can be read on this device
    seen = resident[index]
    assert seen.device.type == resident.device.type == "meta"
    assert seen.dtype == torch.float32
    assert seen.shape == ((2, 5, 3, 5, 4) if isinstance(index, torch.Tensor) else (3, 3, 5, 4))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@KINDS
def test_a_gpu_shows_the_same_bits_in_a_captured_graph_too(make):
    data = data_of(make)
    train, _ = data.resident(torch.device("cuda"))
    index = torch.zeros(2, 7, dtype=torch.int64, device="cuda")
    train[index]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        seen = train[index]
    index.copy_(torch.randint(40, (2, 7)))
    graph.replay()
    expected = by_hand(data, data.train_images)
    assert torch.equal(seen.cpu(), expected[index.cpu()])
    assert torch.equal(train[index].cpu(), expected[index.cpu()])
    assert torch.equal(train[:].cpu(), expected)
