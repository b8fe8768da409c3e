import pytest
import torch
from torch import nn

from common.models import lenet5_caffe, lenet_300_100
from common.train.stacking import stack, stackable


def test_a_stack_computes_what_its_networks_compute():
    models = [lenet_300_100(in_features=64).double() for _ in range(3)]
    for i, model in enumerate(models):
        torch.manual_seed(i)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)
    images = torch.randn(3, 5, 1, 8, 8, dtype=torch.float64)
    expected = torch.stack([model(x) for model, x in zip(models, images, strict=True)])
    wanted = torch.autograd.grad(expected.square().sum(), [p for m in models for p in m.parameters()])
    program = stack(models)
    found = program(images)
    torch.testing.assert_close(found, expected)
    gradients = dict(
        zip(
            dict(program.named_parameters()),
            torch.autograd.grad(found.square().sum(), list(program.parameters())),
            strict=True,
        )
    )
    names = [name for name, _ in models[0].named_parameters()]
    for i in range(3):
        for name, gradient in zip(names, wanted[i * len(names) : (i + 1) * len(names)], strict=True):
            torch.testing.assert_close(gradients[name][i], gradient)


def test_the_networks_become_views_of_the_stack():
    models = [lenet_300_100(in_features=64) for _ in range(2)]
    program = stack(models)
    name, parameter = next(iter(program.named_parameters()))
    with torch.no_grad():
        parameter[1].fill_(0.25)
    assert (models[1].get_parameter(name) == 0.25).all()
    assert not (models[0].get_parameter(name) == 0.25).any()


def test_convolutions_do_not_stack():
    assert not stackable(lenet5_caffe())
    assert stackable(lenet_300_100())
    with pytest.raises(ValueError, match="stacked"):
        stack([lenet5_caffe()])
