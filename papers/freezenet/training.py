"""All arms of the paper as update rules over one training loop (Algorithms 1 and S1, Sections 3 and 4)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from common.datasets import load
from common.datasets.dataset import DataSet
from common.datasets.resident import Stored
from common.datasets.splits import train_validation_split
from common.experiment import Job, Measured, Metrics
from common.models.architecture import build
from common.models.init import initialise
from common.models.weights import weight_tensors
from common.run.call import Call
from common.seeds import stream
from common.train.checkpoint import Checkpoint
from common.train.evaluate import accuracy
from common.train.fit import History, Observer, TrainingRun, fit
from common.train.programs import in_programs
from papers.freezenet.masks import apply_pruning, freezing_mask, freezing_rates, random_mask
from papers.freezenet.saliency import grasp_scores, linear_layers_redrawn, snip_scores
from papers.freezenet.settings import Cell, Setting

GRASP_TEMPERATURE = 200.0  # of the method's published code, which the paper used for its scores
GRASP_IMAGES_PER_CLASS = 10  # of its configurations for sets of ten classes
PRUNING = ("snip", "grasp")


@dataclass(frozen=True)
class Images:
    """Images on the device, standardised where they are looked at: training and test, [N, C, H, W] and [N]."""

    images: Stored
    labels: Tensor
    test_images: Stored
    test_labels: Tensor
    num_classes: int


@dataclass(frozen=True)
class Prepared:
    """A run ready to train, with the weights it starts from (Theta_0, or Theta_1 when reinitialised)."""

    run: TrainingRun
    start: Mapping[str, Tensor]


@lru_cache(maxsize=2)
def images_of(dataset: DataSet, data_dir: Path, device: torch.device) -> Images:
    """Load a data set onto the device."""
    data = load(dataset, data_dir)
    train, test = data.resident(device)
    return Images(train, data.train_labels.to(device), test, data.test_labels.to(device), data.num_classes)


def train(jobs: Sequence[Job], call: Call, observe: Observer | None = None) -> Iterator[Measured]:
    """Train one network a job and measure it at its early-stopping epoch (Section 4)."""
    setting: Setting = jobs[0].cell.setting
    data = images_of(setting.dataset, call.data_dir, call.device)
    run = partial(_train, data=data, observe=observe)
    yield from in_programs(jobs, call, build(setting.model), run)


def _train(jobs: Sequence[Job], checkpoint: Checkpoint, data: Images, observe: Observer | None) -> Iterator[Measured]:
    """Train one network a job, together where they stack, and measure each."""
    prepared = [prepare(job.cell, job.seed, data) for job in jobs]
    recipe = jobs[0].cell.setting.recipe
    histories = fit([p.run for p in prepared], recipe, data.images, data.labels, observe, checkpoint)
    for job, item, history in zip(jobs, prepared, histories, strict=True):
        yield job, measure(item, history, data)


def prepare(cell: Cell, seed: int, data: Images) -> Prepared:
    """Draw the split and the weights, find the mask on one training batch, and set up the run.

    Everything random depends on the seed alone, so the arms of a replicate share split, initial weights,
    data order and augmentation.
    """
    setting, device = cell.setting, data.images.device
    split = torch.Generator().manual_seed(stream(seed, "split"))
    train_index, validation_index = train_validation_split(len(data.images), Fraction(setting.validation), split)
    model = build(setting.model)
    initialise(model, cell.initialisation, stream(seed, "initialisation"))
    model.to(device)
    mask = find_mask(cell, seed, model, data, train_index)
    if cell.reinitialisation is not None:
        initialise(model, cell.reinitialisation, stream(seed, "reinitialisation"))
    if cell.method in PRUNING:
        apply_pruning(model, mask)
    run = TrainingRun(
        model=model,
        train=train_index,
        validation=validation_index,
        seed=stream(seed, "order"),
        learning_rate=cell.learning_rate,
        mask=mask,
        decay_frozen=cell.method == "freezenet-wd",
    )
    return Prepared(run, {name: w.detach().clone() for name, w in weight_tensors(model).items()})


def find_mask(cell: Cell, seed: int, model: nn.Module, data: Images, index: Tensor) -> dict[str, Tensor]:
    """Return the mask of the cell's method, True where a weight trains; none for the baseline."""
    generator = torch.Generator().manual_seed(stream(seed, "mask"))
    if cell.method == "baseline":
        return {}
    if cell.method == "random":
        return random_mask(model, cell.freezing_rate, generator)
    shuffled = index[torch.randperm(len(index), generator=generator)].to(data.images.device)
    if cell.method == "grasp":
        balanced = class_balanced(shuffled, data, GRASP_IMAGES_PER_CLASS)
        halves = [(data.images[half], data.labels[half]) for half in balanced.chunk(2)]
        scored = linear_layers_redrawn(model, stream(seed, "redrawn"))
        scores = grasp_scores(scored, halves, temperature=GRASP_TEMPERATURE)
        return freezing_mask(scores, cell.freezing_rate, generator, signed=True)
    batch = shuffled[: cell.setting.recipe.batch_size]
    inputs = data.images[batch]
    draws = torch.Generator(inputs.device).manual_seed(stream(seed, "mask"))
    for transform in cell.setting.recipe.augment:
        inputs = transform(inputs, draws)
    return freezing_mask(snip_scores(model, inputs, data.labels[batch]), cell.freezing_rate, generator)


def class_balanced(index: Tensor, data: Images, per_class: int) -> Tensor:
    """Return the first `per_class` indices of every class, in order of class."""
    labels = data.labels[index]
    return torch.cat([index[labels == c][:per_class] for c in range(data.num_classes)])


def measure(prepared: Prepared, history: History, data: Images) -> Metrics:
    """Measure a trained run: at the end of training, then at its early-stopping epoch."""
    run, model = prepared.run, prepared.run.model
    whole = {name: torch.ones_like(w, dtype=torch.bool) for name, w in weight_tensors(model).items()}
    mask = {**whole, **run.mask}
    rates = freezing_rates(model, mask)
    scalars = {
        "final_train_accuracy": accuracy(model, data.images, data.labels, run.train),
        "final_test_accuracy": accuracy(model, data.test_images, data.test_labels),
        **{f"final_{name}": value for name, value in frozen_weights(prepared).items()},
    }
    model.load_state_dict(history.best_state)
    scalars |= {
        "test_accuracy": accuracy(model, data.test_images, data.test_labels),
        "validation_accuracy": history.validation_accuracy[history.best_epoch - 1],
        "best_epoch": history.best_epoch,
        "best_epoch_share": history.best_epoch / len(history.validation_accuracy),
        **frozen_weights(prepared),
        **asdict(rates),
    }
    apply_pruning(model, mask)
    scalars["pruned_test_accuracy"] = accuracy(model, data.test_images, data.test_labels)
    curves = {
        "train_loss": history.train_loss,
        "validation_accuracy": history.validation_accuracy,
        **history.observed,
    }
    return Metrics(scalars, curves, history.seconds)


def frozen_weights(prepared: Prepared) -> dict[str, float]:
    """Compare frozen weights with where they started: largest change, and the share of their L1 norm left."""
    change, now, before = 0.0, 0.0, 0.0
    for name, weight in weight_tensors(prepared.run.model).items():
        if name in prepared.run.mask:
            frozen = ~prepared.run.mask[name].to(weight.device)
            start, end = prepared.start[name][frozen], weight.detach()[frozen]
            if len(start):
                change = max(change, float((end - start).abs().max()))
                now, before = now + float(end.abs().sum()), before + float(start.abs().sum())
    return {"frozen_change": change, "frozen_share_left": now / before if before else 1.0}
