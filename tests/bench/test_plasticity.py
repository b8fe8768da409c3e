"""A warm start of ResNet-18 against a plain loop: both stages, a fresh optimizer each, a test after every epoch.

Width 16 on a CPU, 64 on CUDA; images as large as CIFAR's. As in `test_engine.py`, the ratio is printed and nothing is
asserted about time. Each contender has the whole machine.
"""

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from common.models.grouped import grouped_resnet
from common.models.init import initialise
from common.train.batches import shuffled_epochs
from common.train.evaluate import accuracy
from common.train.optimizers import Adam
from common.train.program import Program
from common.train.stages import Data, train_stage
from tests.bench.contest import milliseconds, show

CUDA = torch.cuda.is_available()
WIDTH, IMAGES, TEST, BATCH, ROUNDS = (64, 5_000, 1_000, 128, 4) if CUDA else (16, 512, 128, 128, 4)


def network(device):
    model = grouped_resnet(width=WIDTH)
    initialise(model, "kaiming_uniform", 0)
    return model.to(device)


def engine(data, halves):
    program = Program([network(data.images.device)])
    for own in halves:
        train_stage(program, shuffled_epochs(own, 1, BATCH, [0]), Adam(), [1e-3], data)


def plain_loop(data, halves):
    """Train as most papers' code does: a DataLoader over tensors, an optimizer object, a test after an epoch."""
    model = network(data.images.device)
    for own in halves:
        loader = DataLoader(
            TensorDataset(data.images[own[0]], data.labels[own[0]]), batch_size=BATCH, shuffle=True, drop_last=True
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        accuracy(model, data.test_images, data.test_labels)
        accuracy(model, data.images[own[0]], data.labels[own[0]])


def whole(contender, data, halves):
    """Let a contender finish: a GPU may still be at work when its loop returns."""
    contender(data, halves)
    if CUDA:
        torch.cuda.synchronize()


def test_warm_start_of_resnet18(benchmark):
    device = torch.device("cuda" if CUDA else "cpu")
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(IMAGES + TEST, 3, 32, 32, generator=generator).to(device)
    labels = torch.randint(10, (IMAGES + TEST,), generator=generator).to(device)
    data = Data(images[:IMAGES], labels[:IMAGES], images[IMAGES:], labels[IMAGES:])
    halves = [torch.arange(IMAGES // 2, device=device)[None], torch.arange(IMAGES, device=device)[None]]
    steps = IMAGES // 2 // BATCH + IMAGES // BATCH
    contenders = {
        "engine": lambda: whole(engine, data, halves),
        "plain loop": lambda: whole(plain_loop, data, halves),
    }
    found = milliseconds(benchmark, contenders, ROUNDS, steps)
    show(f"warm start of ResNet-18, width {WIDTH}, batch {BATCH}, on {device}: milliseconds a step, with tests", found)
