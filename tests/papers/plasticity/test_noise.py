import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.models.grouped import grouped_cnn, grouped_mlp
from common.models.init import initialise
from common.train.program import Program
from common.train.stages import Data
from papers.plasticity.noise import gradient_noise

GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.arange(24) % 3


def networks(builder, count):
    models = [builder().double() for _ in range(count)]
    for seed, model in enumerate(models):
        initialise(model, "kaiming_uniform", seed)
    return models


def data(*shape):
    images = torch.randn(24, *shape, generator=GENERATOR, dtype=torch.float64)
    return Data(images, LABELS, images, LABELS)


def batches(runs, size=6):
    orders = torch.stack([torch.randperm(24, generator=GENERATOR) for _ in range(runs)])
    return torch.split(orders, size, dim=1)


def scatter(model, data, own):
    """Return the root of the summed variances of every weight's gradient over batches."""
    gradients = []
    for batch in own:
        model.train()
        model.zero_grad()
        F.cross_entropy(model(data.images[batch]), data.labels[batch]).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    return torch.stack(gradients).var(0).sum().sqrt().item()


@pytest.mark.parametrize(
    ("builder", "shape"),
    [
        (lambda: grouped_mlp(inputs=4, hidden=6, num_classes=3), (1, 2, 2)),
        (lambda: grouped_cnn(width=2, depth=1, num_classes=3), (1, 12, 12)),
    ],
)
def test_noise_is_the_root_of_the_summed_variances_of_every_runs_gradients(builder, shape):
    models, shown, taken = networks(builder, 3), data(*shape), batches(3)
    found = gradient_noise(Program(models), taken, shown)
    expected = [
        scatter(model, shown, [batch[run] for batch in taken]) for run, model in enumerate(networks(builder, 3))
    ]
    assert found.tolist() == pytest.approx(expected)
    assert len(set(expected)) == 3


def test_the_network_is_left_as_it_was():
    program = Program(networks(lambda: grouped_cnn(width=2, depth=1, num_classes=3), 2))
    before = program.state()
    gradient_noise(program, batches(2), data(1, 12, 12))
    assert all(torch.equal(value, before[name]) for name, value in program.state().items())


def test_batches_that_are_all_the_same_make_no_noise():
    program = Program(networks(lambda: grouped_mlp(inputs=4, hidden=6, num_classes=3), 1))
    assert gradient_noise(program, [torch.arange(6)[None]] * 4, data(1, 2, 2)).item() == pytest.approx(0.0, abs=1e-7)


def test_noise_falls_with_the_root_of_the_batch_size():
    model = nn.Sequential(nn.Flatten(-3), nn.Linear(4, 3)).double()
    images = torch.randn(6000, 1, 2, 2, generator=GENERATOR, dtype=torch.float64)
    shown = Data(images, torch.arange(6000) % 3, images, torch.arange(6000) % 3)
    order = torch.randperm(6000, generator=GENERATOR)[None]
    small, large = (gradient_noise(Program([model]), torch.split(order, size, dim=1), shown) for size in (10, 40))
    assert (small / large).item() == pytest.approx(2.0, rel=0.15)
