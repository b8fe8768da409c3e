"""Three ways to train several LeNet-5-Caffe on this device: side by side in grouped convolutions, unfolded, one by one.

On a CPU the engine takes the last for this network, and grouped convolutions for narrower ones; on a GPU the second.
The times are printed, and nothing is asserted about them.
"""

import torch

from common.models import lenet5_caffe
from common.models.init import initialise
from common.train import stacking
from common.train.capture import repeated
from common.train.optimizers import SGD
from common.train.program import Program
from common.train.sgd import SGDUpdate
from tests.bench.contest import milliseconds

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
RUNS, BATCH, STEPS, ROUNDS = (55, 100, 50, 5) if CUDA else (4, 100, 2, 3)


def steps(runs, unfolded, monkeypatch):
    """Return what trains all runs for some steps, one after another where `unfolded` is None."""
    models = [lenet5_caffe() for _ in range(runs)]
    for seed, model in enumerate(models):
        initialise(model, "xavier_normal", seed)
        model.to(DEVICE)
    with monkeypatch.context() as patch:
        patch.setattr(stacking, "unfolds", lambda device: unfolded)
        patch.setattr(stacking, "WIDEST", dict.fromkeys(stacking.WIDEST, 0 if unfolded is None else 64))
        programs = [Program([model]) for model in models] if unfolded is None else [Program(models)]
    loops = [loop(program) for program in programs]

    def train():
        with monkeypatch.context() as patch:
            patch.setattr(stacking, "unfolds", lambda device: unfolded)
            for train_program in loops:
                train_program()
        if CUDA:
            torch.cuda.synchronize()

    return train


def loop(program):
    parameters = list(program.parameters.values())
    update = SGDUpdate(SGD(0.9), parameters, [None] * len(parameters))
    images = torch.randn(program.runs, BATCH, 1, 28, 28, device=DEVICE)
    labels = torch.randint(10, (program.runs, BATCH), device=DEVICE)
    rate = torch.tensor(0.01, dtype=torch.float64, device=DEVICE)

    def work(inputs):
        losses = program.losses(*inputs)
        update.step(program.gradients(losses), rate)
        return losses.detach()

    step = repeated(work, [*program.module.state_dict().values(), *update.buffers], DEVICE)

    def train():
        for _ in range(STEPS):
            step([images, labels])

    return train


def test_ways_to_train_several_networks(benchmark, monkeypatch):
    ways = {
        "grouped convolutions": steps(RUNS, False, monkeypatch),
        "unfolded": steps(RUNS, True, monkeypatch),
        "one by one": steps(RUNS, None, monkeypatch),
    }
    found = milliseconds(benchmark, ways, ROUNDS, STEPS * RUNS)
    print(f"\nLeNet-5-Caffe, {RUNS} networks, batch {BATCH}, on {DEVICE}: milliseconds a step and network")
    for name, value in found.items():
        print(f"  {name:24} {value:7.3f}")
