"""The engine against the loops that papers ship: same networks, data, steps and optimizer, in one process.

Each round trains every contender once, in turn, so that a slow moment of the machine hits them all. Every contender
has the whole machine: the plain loops all its threads, the engine one process a core as in a run of the suite. The
ratios are printed; nothing is asserted about time. Run with `nox -s bench`.
"""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

from common.machine import set_up, workers_on
from common.models import initialise, lenet5_caffe, lenet_300_100
from common.train.fit import Recipe, TrainingRun, fit
from common.train.optimizers import SGD
from common.train.schedules import DropEverySteps
from tests.bench.contest import milliseconds, show

SEEDS, BATCH, ROUNDS = 10, 100, 5
RECIPE = Recipe(epochs=1, batch_size=BATCH, optimizer=SGD(0.9, 5e-4), schedule=DropEverySteps(25_000))


class PilImages(Dataset):
    """MNIST as torchvision hands it out: a PIL image an item, transformed one at a time."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        from PIL import Image

        return self.transform(Image.fromarray(self.images[i], mode=None)), int(self.labels[i])


def plain_loop(models, dataset):
    """Train the networks one after another, as most papers' code does."""
    for model in models:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        for inputs, targets in DataLoader(dataset, batch_size=BATCH, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()


def engine_share(builder, seeds, images, labels):
    """Train some of the seeds in this process."""
    index = torch.arange(len(labels))
    models = networks(builder, seeds)
    fit(
        [TrainingRun(m, index, index[:BATCH], s, 0.01) for m, s in zip(models, seeds, strict=True)],
        RECIPE,
        images,
        labels,
    )


def engine(pool, builder, images, labels):
    shares = [range(SEEDS)[i :: pool._max_workers] for i in range(pool._max_workers)]
    for done in [pool.submit(engine_share, builder, share, images, labels) for share in shares]:
        done.result()


def networks(builder, seeds=range(SEEDS)):
    models = [builder() for _ in seeds]
    for model, seed in zip(models, seeds, strict=True):
        initialise(model, "xavier_normal", seed)
    return models


def matmul_speed(size=1536):
    """Return the machine's matrix-multiply ceiling, FLOP/s, the best of several products."""
    a = torch.randn(size, size)
    best = 0.0
    for _ in range(8):
        started = time.perf_counter()
        a @ a
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


@pytest.mark.parametrize(
    ("builder", "steps", "training_mflop"),
    [(lenet_300_100, 30, 1.127), (lenet5_caffe, 12, 13.18)],
    ids=["lenet-300-100", "lenet-5-caffe"],
)
def test_engine_against_plain_loops(benchmark, builder, steps, training_mflop):
    cores = workers_on(torch.device("cpu"))
    torch.set_num_threads(cores)
    generator = np.random.default_rng(0)
    raw = generator.integers(0, 256, (steps * BATCH, 28, 28), dtype=np.uint8)
    labels = torch.from_numpy(generator.integers(0, 10, steps * BATCH))
    images = torch.from_numpy(raw).unsqueeze(1).float().div(255).sub(0.5).div(0.5)
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"), initializer=set_up)
    contenders = {
        "engine": lambda: engine(pool, builder, images, labels),
        "a: DataLoader over PIL images": lambda: plain_loop(networks(builder), PilImages(raw, labels)),
        "b: DataLoader over tensors": lambda: plain_loop(networks(builder), TensorDataset(images, labels)),
    }
    found = milliseconds(benchmark, contenders, ROUNDS, steps * SEEDS)
    pool.shutdown()
    reached = training_mflop * 1e6 * BATCH / (found["engine"] / 1e3) / matmul_speed()
    show(f"{builder.__name__}, {SEEDS} seeds, batch {BATCH}: milliseconds a step and seed", found)
    print(f"  the engine reaches {reached:.0%} of the machine's matrix-multiply ceiling")
    benchmark.extra_info |= {"share_of_ceiling": reached}
