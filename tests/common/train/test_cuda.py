"""A GPU, with its captured steps, trains what the CPU trains: every kind of network, in double and single precision."""

import pytest
import torch

from common.models.all_cnn import all_cnn_small
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.train.optimizers import SGD, Adam, PerRunUpdate, RMSprop
from common.train.precision import multiplying
from common.train.program import Program
from common.train.stages import shuffled_epochs, train_epochs

KINDS = {
    "mlp": (grouped_mlp, (1, 8, 8), 3),
    "mlp with BatchNorm": (bn_mlp, (1, 8, 8), 3),
    "small convolutions": (grouped_cnn, (1, 12, 12), 3),
    "convolutions with an average pool": (all_cnn_small, (1, 8, 8), 3),
    "residual network alone": (lambda: grouped_resnet(width=5, depth=1), (3, 8, 8), 1),
}
BOUNDS = {torch.float64: 1e-6, torch.float32: 2e-2}  # relative to a tensor's largest number, after ten steps


def trained(kind, rule, dtype, device):
    builder, shape, runs = KINDS[kind]
    models = [builder() for _ in range(runs)]
    for seed, model in enumerate(models):
        initialise(model, "kaiming_uniform", seed)
        model.to(device, dtype)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(40, *shape, generator=generator, dtype=torch.float64).to(device, dtype)
    labels = torch.randint(10, (40,), generator=generator).to(device)
    program = Program(models)
    decays = program.beside_parameters([1e-3 * (run + 1) for run in range(runs)])
    update = PerRunUpdate(rule, list(program.parameters.values()), decays)
    rates = program.beside_parameters([1e-2 / (run + 1) for run in range(runs)])
    own = torch.arange(40, device=device).expand(runs, -1)
    losses = []

    def after(loss):
        losses.append(loss.cpu())
        return False

    epochs = shuffled_epochs(own, 2, 8, range(runs))
    with multiplying("fp32", device):
        train_epochs(program, epochs, lambda batch: (images[batch], labels[batch]), update, rates, after)
    return torch.stack(losses), [parameter.detach().cpu() for parameter in program.parameters.values()]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("rule", [SGD(0.9), RMSprop(), Adam()], ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_trains_what_a_cpu_trains(kind, rule, dtype):
    here, there = (trained(kind, rule, dtype, torch.device(device)) for device in ("cpu", "cuda"))
    for one, other in zip([here[0], *here[1]], [there[0], *there[1]], strict=True):
        assert (one - other).abs().max() <= BOUNDS[dtype] * one.abs().max().clamp(min=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_these_networks_train_here(kind):
    losses, parameters = trained(kind, SGD(0.9), torch.float32, torch.device("cpu"))
    assert losses.isfinite().all()
    assert all(parameter.isfinite().all() for parameter in parameters)
