import pytest
import torch
from torch import nn

from common.models import lenet5_caffe, lenet_300_100
from common.train import stacking
from common.train.evaluate import evaluation_mode
from common.train.stacking import StackedBatchNorm, stack, stackable

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Small(nn.Sequential):
    """Two convolutions of different shapes, BatchNorm, pooling, and a head without bias."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, stride=2, bias=False),
            nn.ReLU(),
            nn.Flatten(-3),
            nn.Linear(6, 3, bias=False),
        )


def networks(kind, count=3):
    models = [kind().double() for _ in range(count)]
    generator = torch.Generator().manual_seed(0)
    for model in models:
        for tensor in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
            tensor.data = 0.3 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.05
    return models, torch.randn(count, 5, 1, 8, 8, generator=generator, dtype=torch.float64)


class Normalised(nn.Sequential):
    """BatchNorm of features and of maps, with and without scales, an average pool and a layer that does nothing."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4, affine=False),
            nn.Identity(),
            nn.AvgPool2d(2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(-3),
            nn.Linear(4, 6, bias=False),
            nn.BatchNorm1d(6),
            nn.ReLU(),
            nn.Linear(6, 5),
            nn.BatchNorm1d(5, affine=False),
        )


KINDS = [lambda: lenet_300_100(in_features=64), Small, Normalised]


@pytest.fixture
def _as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(stacking, "unfolds", lambda device: True)


@pytest.mark.parametrize("kind", KINDS, ids=["linear", "convolutions", "normalised"])
@pytest.mark.parametrize("training", [True, False])
def test_a_stack_computes_what_its_networks_compute(kind, training):
    models, images = networks(kind)
    alone, _ = networks(kind)
    for model in alone:
        model.train(training)
    expected = torch.stack([model(x) for model, x in zip(alone, images, strict=True)])
    wanted = torch.autograd.grad(expected.square().sum(), [p for m in alone for p in m.parameters()])
    program = stack(models).train(training)
    found = program(images)
    torch.testing.assert_close(found, expected)
    gradients = torch.autograd.grad(found.square().sum(), list(program.parameters()))
    count = len(gradients)
    for i, model in enumerate(models):
        for gradient, one in zip(gradients, wanted[i * count : (i + 1) * count], strict=True):
            torch.testing.assert_close(gradient[i], one)
        for name, buffer in alone[i].named_buffers():
            torch.testing.assert_close(model.get_buffer(name), buffer)


@pytest.mark.usefixtures("_as_on_a_gpu")
@pytest.mark.parametrize("kind", [Small, Normalised])
@pytest.mark.parametrize("training", [True, False])
def test_a_stack_on_a_gpu_computes_what_its_networks_compute(kind, training):
    test_a_stack_computes_what_its_networks_compute(kind, training)


@pytest.mark.usefixtures("_as_on_a_gpu")
def test_maps_on_a_gpu_are_pooled_without_a_copy():
    models, images = networks(Small)
    program, seen = stack(models), []
    maps = program[0](images).permute(0, 1, 3, 4, 2)
    assert maps.is_contiguous()
    program[3].pool.register_forward_pre_hook(lambda pool, inputs: seen.append(inputs[0]))
    program[3](maps.permute(0, 1, 4, 2, 3))
    assert seen[0].data_ptr() == maps.data_ptr()
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", KINDS, ids=["linear", "convolutions", "normalised"])
def test_the_networks_become_views_of_the_stack(kind):
    models, _ = networks(kind, 2)
    program = stack(models)
    for name, tensor in program.state_dict().items():
        before = models[0].state_dict()[name].clone()
        tensor[1].fill_(3)
        assert (models[1].state_dict()[name] == 3).all()
        assert torch.equal(models[0].state_dict()[name], before)


def test_runs_of_one_stack_may_be_in_different_modes():
    models, images = networks(Small)
    alone, _ = networks(Small)
    alone[1].eval()
    expected = [model(x) for model, x in zip(alone, images, strict=True)]
    program = stack(models)
    for layer in program.modules():
        if isinstance(layer, StackedBatchNorm):
            layer.inference = torch.tensor([False, True, False])
    found = program(images)
    torch.testing.assert_close(found, torch.stack(expected))
    gradients = torch.autograd.grad(found.square().sum(), list(program.parameters()))
    wanted = torch.autograd.grad(expected[1].square().sum(), list(alone[1].parameters()))
    for gradient, one in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient[1], one)
    for model, other in zip(models, alone, strict=True):
        for name, buffer in other.named_buffers():
            torch.testing.assert_close(model.get_buffer(name), buffer)
    with evaluation_mode(program):
        expected = torch.stack([model.eval()(x) for model, x in zip(alone, images, strict=True)])
        torch.testing.assert_close(program(images), expected)


def test_maps_are_handed_on_without_a_copy():
    models, images = networks(Small)
    program = stack(models)
    maps = program[0](images)
    assert program[1](maps).stride() == maps.stride()
    assert maps.transpose(0, 1).flatten(1, 2).is_contiguous(memory_format=torch.channels_last)
    assert maps.transpose(0, 1).flatten(1, 2).data_ptr() == maps.data_ptr()


class Grouped(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(4, 4, 1, groups=2))


def test_what_does_not_stack_is_refused():
    assert not stackable(lenet5_caffe(), CPU)  # its second convolution is too wide to gain
    assert not stackable(Grouped(), CPU)
    assert not stackable(nn.Sequential(nn.Flatten()), CPU)  # counts its dimensions from the front
    assert not stackable(nn.Sequential(nn.Dropout()), CPU)
    assert stackable(lenet_300_100(), CPU)
    assert stackable(lenet5_caffe(), GPU)
    assert not stackable(nn.Conv2d(3, 65, 3), GPU)
    with pytest.raises(ValueError, match="stacked"):
        stack([lenet5_caffe()])


class Negative(nn.Linear):
    def forward(self, inputs):
        return -super().forward(inputs)


class Circular(nn.Conv2d):
    def forward(self, maps):
        return super().forward(maps.roll(1, -1))


class Leaky(nn.ReLU):
    def forward(self, inputs):
        return inputs.maximum(0.1 * inputs)


class Scaled(nn.Sequential):
    """A layer, with a parameter or a buffer beside it."""

    def __init__(self, **tensors):
        super().__init__(nn.Linear(3, 2))
        for name, tensor in tensors.items():
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(name, tensor)
            else:
                self.register_buffer(name, tensor)


DERIVED = [Negative(3, 2), Circular(1, 2, 3), type("Norm", (nn.BatchNorm2d,), {})(2), Leaky()]
DERIVED.append(type("Flattened", (nn.Flatten,), {})(-3))


@pytest.mark.parametrize("layer", DERIVED, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def test_a_layer_derived_from_one_that_stacks_does_not(layer, device):
    assert not stackable(layer, device)
    assert not stackable(nn.Sequential(nn.Linear(3, 2), nn.Sequential(layer)), device)


@pytest.mark.parametrize("own", [nn.Parameter(torch.ones(2)), torch.ones(2)], ids=["parameter", "buffer"])
def test_a_network_with_numbers_beside_its_layers_does_not_stack(own):
    assert stackable(Scaled(), CPU)
    assert not stackable(Scaled(own=own), CPU)
    assert not stackable(nn.Sequential(Scaled(own=own), nn.ReLU()), CPU)
