import torch

from common.models import Counts, lenet5_caffe, lenet_300_100, parameter_counts
from common.train.stacking import stackable


def sizes(model):
    return {name: parameter.numel() for name, parameter in model.named_parameters()}


def test_lenet_300_100_counts_of_every_layer():
    model = lenet_300_100()
    assert sizes(model) == {
        "linear1.weight": 235_200,
        "linear1.bias": 300,
        "linear2.weight": 30_000,
        "linear2.bias": 100,
        "linear3.weight": 1_000,
        "linear3.bias": 10,
    }
    assert parameter_counts(model) == Counts(266_200, 410, 0)
    assert parameter_counts(model).total == 266_610


def test_lenet_300_100_on_8x8_digits():
    model = lenet_300_100(in_features=64)
    assert parameter_counts(model) == Counts(50_200, 410, 0)
    assert model(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_lenet_300_100_takes_any_leading_dimensions_and_stacks():
    model = lenet_300_100()
    images = torch.rand(3, 4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    logits = model(images)
    assert logits.shape == (3, 4, 10)
    assert torch.allclose(logits[2], model(images[2]), atol=1e-6)
    assert stackable(model, torch.device("cpu"))


def test_lenet_300_100_computes_the_plain_formula():
    model = lenet_300_100(in_features=4)
    image = torch.rand(1, 2, 2, generator=torch.Generator().manual_seed(0))
    x = image.reshape(-1)
    for layer in (model.linear1, model.linear2):
        x = torch.clamp(layer.weight @ x + layer.bias, min=0)
    assert torch.allclose(model(image), model.linear3.weight @ x + model.linear3.bias, atol=1e-6)


def test_lenet5_caffe_counts_of_every_layer():
    model = lenet5_caffe()
    assert sizes(model) == {
        "conv1.weight": 500,
        "conv1.bias": 20,
        "conv2.weight": 25_000,
        "conv2.bias": 50,
        "linear1.weight": 400_000,
        "linear1.bias": 500,
        "linear2.weight": 5_000,
        "linear2.bias": 10,
    }
    assert parameter_counts(model) == Counts(430_500, 580, 0)
    assert parameter_counts(model).total == 431_080


def test_lenet5_caffe_maps_batches_to_unnormalised_logits():
    logits = lenet5_caffe(7)(torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 7)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(2), atol=0.1)


def test_lenet5_caffe_pools_first_and_computes_the_usual_order_to_the_bit():
    model = lenet5_caffe()
    images = torch.randn(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))

    def usual(images):
        maps = model.pool(model.relu(model.conv1(images)))
        maps = model.pool(model.relu(model.conv2(maps)))
        return model.linear2(model.relu(model.linear1(maps.flatten(-3))))

    found, expected = model(images), usual(images)
    assert torch.equal(found, expected)
    gradients = (torch.autograd.grad(of.square().sum(), list(model.parameters())) for of in (found, expected))
    for mine, theirs in zip(*gradients, strict=True):
        assert torch.equal(mine, theirs)
