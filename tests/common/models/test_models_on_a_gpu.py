"""Every network on a fake GPU: forward and backward in both modes without a wait, and the CPU's numbers."""

import pytest
import torch
from torch import nn

from common.models.alexnet import alexnet32
from common.models.all_cnn import all_cnn, all_cnn_small
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.models.lenet import lenet5_caffe, lenet_300_100
from common.models.mlp import bn_mlp
from common.models.pretrained import ImageNetInput
from common.models.resnet import resnet_mini
from common.models.small_cnn import small_cnn
from common.models.vgg import vgg16_d, vgg_mini
from common.train.program import Program
from common.train.stacking import stackable
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
NETWORKS = {
    "alexnet32": (alexnet32, (3, 32, 32)),
    "all_cnn": (all_cnn, (3, 32, 32)),
    "all_cnn_small": (all_cnn_small, (1, 8, 8)),
    "all_cnn_small without scales": (lambda: all_cnn_small(affine=0), (1, 8, 8)),
    "bn_mlp": (bn_mlp, (1, 8, 8)),
    "grouped_cnn": (grouped_cnn, (1, 12, 12)),
    "grouped_mlp": (grouped_mlp, (1, 8, 8)),
    "grouped_resnet": (lambda: grouped_resnet(width=8, depth=1), (3, 16, 16)),
    "lenet5_caffe": (lenet5_caffe, (1, 28, 28)),
    "lenet_300_100": (lenet_300_100, (1, 28, 28)),
    "resnet_mini": (lambda: resnet_mini(10), (3, 16, 16)),
    "small_cnn": (small_cnn, (1, 8, 8)),
    "vgg16_d": (lambda: vgg16_d(10), (3, 32, 32)),
    "vgg_mini": (lambda: vgg_mini(10), (3, 16, 16)),
    "what ImageNet's networks take": (
        lambda: nn.Sequential(ImageNetInput(12), nn.Conv2d(3, 2, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(-3)),
        (1, 8, 8),
    ),
}


def computed(builder, shape, device, inference=None):
    """Return losses, gradients and state after one step in training mode, and logits in evaluation mode."""
    built = builder()
    models = [built, builder()] if stackable(built, CPU) else [built]
    for seed, model in enumerate(models):
        if len(models) > 1:  # a new network has the same weights every time
            initialise(model, "kaiming_uniform", seed)
        model.to(device)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(len(models), 3, *shape, generator=generator).to(device)
    labels = torch.randint(2, (len(models), 3), generator=generator).to(device)
    program = Program(models)
    flags = None if inference is None else torch.tensor(inference).to(device)
    torch.manual_seed(0)  # of the device too, which dropout draws from
    program.training_mode("", flags)
    losses = program.losses(images, labels)
    found = [losses.detach(), *program.gradients(losses), *program.state().values()]
    program.module.eval()
    return [*found, program.logits(images).detach()]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_on_a_gpu_without_a_wait(name):
    builder, shape = NETWORKS[name]
    with FakeGpu() as gpu:
        there = computed(builder, shape, CUDA)
        assert not gpu.waits
        found = [tensor.cpu() for tensor in there]
    for one, other in zip(found, computed(builder, shape, CPU), strict=True):
        torch.testing.assert_close(one.reshape(other.shape), other)  # what stacks there alone is a stack of one


@pytest.mark.parametrize("name", ["bn_mlp", "grouped_cnn", "all_cnn_small without scales"])
def test_some_runs_of_a_stack_may_be_in_inference(name):
    builder, shape = NETWORKS[name]
    with FakeGpu() as gpu:
        there = computed(builder, shape, CUDA, [True, False])
        assert not gpu.waits
        found = [tensor.cpu() for tensor in there]
    for one, other in zip(found, computed(builder, shape, CPU, [True, False]), strict=True):
        torch.testing.assert_close(one.reshape(other.shape), other)  # what stacks there alone is a stack of one
