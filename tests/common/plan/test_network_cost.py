import math
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from common.models import architecture_of, grouped, lenet5_caffe, lenet_300_100, vgg16_d
from common.plan.network_cost import _shaped, architecture_cost, network_cost
from common.work import Work

LENET_300_100 = 784 * 300 + 300 * 100 + 100 * 10


def linear():
    return nn.Sequential(nn.Flatten(-3), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2, bias=False))


def test_operations_by_hand():
    assert network_cost(lenet_300_100, (1, 28, 28)).operations == 2 * LENET_300_100
    cost = network_cost(lenet5_caffe, (1, 28, 28))
    first, second = 24 * 24 * 20 * 25, 8 * 8 * 50 * 20 * 25
    assert cost.operations == 2 * (first + second + 800 * 500 + 500 * 10)
    assert (cost.convolved, cost.first) == (2 * (first + second), 2 * first)


def test_the_cost_of_a_network_by_hand():
    cost = network_cost(linear, (3, 2, 2))
    assert (cost.operations, cost.convolved, cost.first) == (2 * (60 + 10), 0, 2 * 60)
    assert (cost.activations, cost.largest) == (5 + 5 + 2, 5)
    assert (cost.layers, cost.products) == (3, 2), "a view is no layer"
    assert (cost.parameters, cost.tensors) == (60 + 5 + 10, 3)
    assert cost.stacks == {"cpu", "cuda"}


def test_training_work_by_hand():
    work = network_cost(linear, (3, 2, 2)).training(images=25, batch_size=10, epochs=2, buffers=1)
    shown, steps = 50, 6
    assert work.operations == shown * (3 * 140 - 120), "the images need no gradient"
    assert work.bytes == 4 * (steps * 75 * 8 + shown * 6 * 12)
    assert work.calls == steps * (2 * 3 + 2 + 3 * 3 + 10)
    assert work.products == steps * 5
    assert work.memory == 4 * (75 * 4 + (12 + 2 * 5) * 10)
    assert work.stacks == {"cpu", "cuda"}


def test_evaluation_work_by_hand():
    work = network_cost(linear, (3, 2, 2)).evaluation(images=3_000, times=7)
    assert work.operations == 7 * 3_000 * 140
    assert work.calls == 7 * 2 * 7, "batches of 2,048"
    assert work.products == 7 * 2 * 2
    assert work.bytes == 4 * 7 * (2 * 75 + 2 * 3_000 * 12)
    assert work.memory == 4 * (75 + 2 * 5 * 128), "what a GPU looks at at once of each network of a stack"


def test_convolutions_are_told_from_products():
    work = network_cost(lenet5_caffe, (1, 28, 28)).training(1, 1)
    assert work.operations - work.convolved == 3 * 2 * (800 * 500 + 500 * 10)
    assert work.operations == 2 * (2 * 24 * 24 * 20 * 25 + 3 * (8 * 8 * 50 * 20 * 25 + 800 * 500 + 500 * 10))


def test_a_gpu_holds_the_windows_of_convolutions_that_stack_there():
    cost = network_cost(lenet5_caffe, (1, 28, 28))
    assert cost.stacks == {"cuda"}, "its second convolution is too wide for a CPU"
    first, second = 24 * 24 * 25, 8 * 8 * 20 * 25
    assert (cost.windows, cost.largest_windows) == (first + second, second)
    without = replace(cost, windows=0, largest_windows=0)
    assert cost.training(600, 100).memory - without.training(600, 100).memory == 4 * 100 * (first + 2 * second)
    assert cost.training(600, 100, epochs=2).unfolded == 4 * 1200 * 5 * (first + second)
    assert cost.evaluation(10_000, times=3).unfolded == 4 * 30_000 * 2 * (first + second)
    assert cost.evaluation(10_000).memory - without.evaluation(10_000).memory == 4 * 128 * second
    assert network_cost(partial(vgg16_d, num_classes=10), (3, 32, 32)).windows == 0


def test_work_adds_up_and_holds_the_most_memory_of_its_parts():
    one = Work(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, frozenset({"cpu"}))
    other = Work(10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 5.0, frozenset({"cuda"}))
    assert one + other * 2 == Work(21.0, 42.0, 63.0, 84.0, 105.0, 126.0, 7.0, frozenset({"cpu", "cuda"}))


def test_a_network_is_counted_without_memory_and_random_numbers():
    before = torch.get_rng_state()
    cost = network_cost(partial(vgg16_d, num_classes=10), (3, 32, 32))
    assert torch.equal(torch.get_rng_state(), before)
    assert cost.parameters == 15_255_626
    assert not cost.stacks


def test_an_architecture_costs_what_its_network_costs():
    model = grouped.grouped_resnet(width=16)
    found = architecture_cost(architecture_of(model), (3, 32, 32))
    assert found == network_cost(lambda: grouped.grouped_resnet(width=16), (3, 32, 32))
    assert found.tensors == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("builder", "size", "batch"),
    [(partial(vgg16_d, num_classes=10), (3, 32, 32), 8), (grouped.grouped_resnet, (3, 32, 32), 4)],
)
def test_the_memory_of_training_is_near_what_autograd_holds(builder, size, batch):
    """What autograd saves for the backward pass of a real step, each storage once, and the weights' own tensors."""
    model, saved = builder(), {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.zeros(batch, *size)).sum()
        held = sum(nbytes for pointer, (nbytes, _) in saved.items() if pointer not in own)
    cost = network_cost(builder, size)
    expected = cost.training(batch, batch).memory - 4 * 4 * cost.parameters
    assert 0.6 * expected < held < 1.3 * expected


def computed(builder, size):
    """Return the shape of what every layer puts out, in order, as torch computes it; views are none."""
    shapes = []
    model = builder().eval()
    for layer in model.modules():
        if not any(layer.children()) and not isinstance(layer, nn.Flatten | nn.Identity):
            layer.register_forward_hook(lambda layer, inputs, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        model(torch.zeros(1, *size))
    return shapes


def odd():
    return nn.Sequential(
        nn.Conv2d(3, 5, (3, 2), stride=(2, 3), padding=(1, 2), dilation=(2, 1)),
        *(nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), nn.AvgPool2d((2, 1))),
        *(nn.AdaptiveAvgPool2d((2, 3)), nn.Dropout(), nn.Flatten(-3), nn.Linear(30, 4)),
    )


@pytest.mark.parametrize(
    ("builder", "size"),
    [
        (odd, (3, 21, 26)),
        (lenet5_caffe, (1, 28, 28)),
        (partial(vgg16_d, num_classes=10), (3, 32, 32)),
        (grouped.grouped_resnet, (3, 32, 32)),
        (models.alexnet, (3, 224, 224)),
        (models.resnet18, (3, 224, 224)),
        (models.densenet121, (3, 64, 64)),
    ],
)
def test_shapes_that_are_not_computed_are_those_that_are(builder, size, monkeypatch):
    found, shaped = [], _shaped

    def noted(layer, inputs):
        output = shaped(layer, inputs)
        found.append(tuple(output.shape))
        return output

    monkeypatch.setattr("common.plan.network_cost._shaped", noted)
    cost = network_cost(builder, size)
    assert found == computed(builder, size)
    assert cost.activations == sum(math.prod(shape) for shape in found)


def test_counting_imports_no_compiler():
    code = (
        "import sys; from common.models import vgg16_d; from common.plan.network_cost import network_cost; "
        "network_cost(lambda: vgg16_d(10), (3, 32, 32)); assert not {'sympy', 'torch._dynamo'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
