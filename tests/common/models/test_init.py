import math

import pytest
import torch
from scipy import stats
from torch import nn

from common.models import Initialisation, initialisation_of, initialise, lenet_300_100, vgg_mini
from common.models.init import SCHEMES, fans


def drawn(scheme, layer=None, seed=1):
    layer = layer or nn.Linear(300, 100)
    initialise(layer, scheme, seed)
    return layer.weight.detach()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((300, 784), (784, 300)), ((20, 1, 5, 5), (25, 500)), ((64, 3, 3, 3), (27, 576))],
)
def test_fans_by_hand(shape, expected):
    assert fans(torch.Size(shape)) == expected


@pytest.mark.parametrize(
    ("scheme", "distribution"),
    [
        ("xavier_normal", stats.norm(0, math.sqrt(2 / 400))),
        ("kaiming_uniform", stats.uniform(-math.sqrt(6 / 300), 2 * math.sqrt(6 / 300))),
        ("framework_uniform", stats.uniform(-math.sqrt(1 / 300), 2 * math.sqrt(1 / 300))),
        ("normal", stats.norm(0, 1)),
    ],
)
def test_continuous_schemes_follow_their_distribution(scheme, distribution):
    assert stats.kstest(drawn(scheme).flatten().numpy(), distribution.cdf).pvalue > 0.01


def test_convolutions_use_their_receptive_field():
    weight = drawn("xavier_normal", nn.Conv2d(20, 50, 5))
    # 25,000 draws: the relative standard error of the standard deviation is 0.45 %
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (500 + 1250)), rel=0.02)
    assert drawn("kaiming_uniform", nn.Conv2d(20, 50, 5)).abs().max().item() == pytest.approx(
        math.sqrt(6 / 500), rel=1e-3
    )


def test_pm_sigma_is_two_valued_and_balanced():
    weight = drawn("pm_sigma")
    assert torch.equal(weight.abs(), torch.full((100, 300), math.sqrt(2 / 400)))
    # 30,000 signs: one standard error of the share is 0.3 points
    assert (weight > 0).double().mean().item() == pytest.approx(0.5, abs=0.012)


def test_constant_schemes():
    assert torch.equal(drawn("ones"), torch.ones(100, 300))
    assert torch.equal(drawn("constant_sigma"), torch.full((100, 300), math.sqrt(2 / 400)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_same_seed_gives_the_same_bits_whatever_was_there_before(scheme):
    first, second = lenet_300_100(), lenet_300_100()
    initialise(first, scheme, 3)
    initialise(second, "normal", 9)
    initialise(second, scheme, 3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("scheme", ["xavier_normal", "kaiming_uniform", "pm_sigma", "normal"])
def test_seeds_and_layers_differ(scheme):
    assert not torch.equal(drawn(scheme, seed=1), drawn(scheme, seed=2))
    pair = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 30))
    initialise(pair, scheme, 1)
    assert not torch.equal(pair[0].weight, pair[1].weight)


def test_one_generator_runs_through_the_tensors_in_registration_order():
    model = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 10))
    initialise(model, "normal", 7)
    generator = torch.Generator().manual_seed(7)
    for layer in model:
        expected = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64).float()
        assert torch.equal(layer.weight, expected)


def test_biases_and_batch_norm_are_reset():
    model = vgg_mini(10, width=4)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(5)
    initialise(model, "xavier_normal", 0)
    fresh = {"bias": 0, "running_mean": 0, "running_var": 1, "num_batches_tracked": 0, "norm.weight": 1}
    for name, tensor in model.state_dict().items():
        for ending, value in fresh.items():
            if name.endswith(ending):
                assert torch.equal(tensor, torch.full_like(tensor, value)), name
    assert not (next(model.parameters()) == 5).any()


def test_the_frameworks_default_draws_biases_from_the_range_of_the_weights():
    model = nn.Sequential(nn.Linear(400, 300), nn.Conv2d(2, 500, 3, bias=False))
    initialise(model, "framework_uniform", 1)
    assert stats.kstest(model[0].bias.detach().numpy(), stats.uniform(-0.05, 0.1).cdf).pvalue > 0.01
    assert model[1].weight.abs().max().item() == pytest.approx(math.sqrt(1 / 18), rel=1e-2)


def test_scheme_and_seed_are_noted_and_the_global_state_is_left_alone():
    model = lenet_300_100(in_features=4)
    before = torch.get_rng_state()
    initialise(model, "kaiming_uniform", 11)
    assert initialisation_of(model) == model.initialisation == Initialisation("kaiming_uniform", 11)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_device_does_not_change_the_draw():
    on_cpu, on_gpu = vgg_mini(10), vgg_mini(10).cuda()
    initialise(on_cpu, "xavier_normal", 0)
    initialise(on_gpu, "xavier_normal", 0)
    assert all(torch.equal(a, b.cpu()) for a, b in zip(on_cpu.parameters(), on_gpu.parameters(), strict=True))


def test_unknown_scheme_and_unknown_layer_are_named():
    with pytest.raises(ValueError, match=r"'xavier'.*xavier_normal"):
        initialise(nn.Linear(2, 2), "xavier", 0)
    with pytest.raises(TypeError, match="LayerNorm"):
        initialise(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), "normal", 0)
