"""Every arm of the paper: networks from scratch, and retrained ones with and without a reset (Section 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from common.datasets.dataset import DataSet
from common.experiment import Job, Measured
from common.models.architecture import build
from common.models.init import initialise
from common.models.pretrained import ImageNetInput, backbone
from common.run.call import Call
from common.seeds import stream
from common.train.schedules import shortened
from papers.sequential_learning.follow import follow
from papers.sequential_learning.frozen_weights.interventions import (
    CONSTANT,
    FrozenReset,
    NewClassifier,
    PairStart,
    SparseStart,
)
from papers.sequential_learning.frozen_weights.measures import at_both_ends, at_every_epoch, has_pairs
from papers.sequential_learning.frozen_weights.metrics import measure
from papers.sequential_learning.frozen_weights.settings import RATE, WEIGHT_DECAY, FrozenSetting
from papers.sequential_learning.learner import Learner
from papers.sequential_learning.nuisances import LOWEST_BLUR
from papers.sequential_learning.path import LearningPath, Process, Stage, Task
from papers.sequential_learning.stage import Measures

SCHEME = "framework_uniform"
SHIFT = 0.5  # of the augmentation and of Table 3's second task
IMAGENET_SIDE = 224


@dataclass(frozen=True)
class Scratch:
    """A network that learns the target from its first weights, which `start` may change before.

    With `augmented`, images are mirrored and shifted by up to half of their side.
    """

    setting: FrozenSetting
    rate: float
    weight_decay: float
    augmented: bool = False
    start: SparseStart | PairStart | None = None

    def learning_path(self) -> LearningPath:
        """Return the one stage."""
        task = Task(self.setting.dataset, shift=SHIFT if self.augmented else 0.0, flip=self.augmented)
        process = Process(self.rate, self.setting.epochs, self.weight_decay, self.setting.decay)
        return (Stage(task, process, () if self.start is None else (self.start,)),)


@dataclass(frozen=True)
class Retrained:
    """A network that is pretrained on a source and then learns the target, with or without a reset in between.

    `source` is "blur" (the target's images, blurred), "tenth" (a tenth of them), "regular" (as they are), another data
    set, "imagenet" (published weights), or "none" for a network from scratch. `shifted` shows the target's
    training images shifted at random. `samples` is the share of them that is used. A reset adds `constant` times the
    identity and treats scales as `scales` says.
    """

    setting: FrozenSetting
    source: str | DataSet
    reset: bool = False
    source_rate: float = RATE
    rate: float = RATE
    source_weight_decay: float = WEIGHT_DECAY
    weight_decay: float = WEIGHT_DECAY
    shifted: bool = False
    samples: float = 1.0
    constant: float = CONSTANT
    scales: str = "one"

    def learning_path(self) -> LearningPath:
        """Return pretraining, unless there is none, and the stage on the target."""
        setting = self.setting
        target = Task(setting.dataset, shift=SHIFT if self.shifted else 0.0, share=self.samples)
        process = Process(self.rate, setting.epochs, self.weight_decay, setting.decay)
        reset = (FrozenReset(self.constant, self.scales),) if self.reset else ()
        if self.source in ("none", "imagenet"):
            return (Stage(target, process, reset),)
        first = Process(self.source_rate, setting.source_epochs, self.source_weight_decay, setting.source_decay)
        if isinstance(self.source, DataSet):
            before, between = NewClassifier(self.source.classes), NewClassifier(setting.dataset.classes)
            return Stage(Task(self.source), first, (before,)), Stage(target, process, (between, *reset))
        own = {
            "blur": Task(setting.dataset, blur=LOWEST_BLUR),
            "tenth": Task(setting.dataset, share=0.1),
            "regular": Task(setting.dataset),
        }
        return Stage(own[self.source], first), Stage(target, process, reset)


def shorten(cell: Scratch | Retrained, share: float) -> Scratch | Retrained:
    """Return the cell as it is trained for a share of its epochs, at least one of pretraining and of training each.

    The rate still shrinks by the same factor after every epoch.
    """
    setting = cell.setting
    source_epochs, epochs = shortened(setting.source_epochs, share), shortened(setting.epochs, share)
    return replace(cell, setting=replace(setting, source_epochs=source_epochs, epochs=epochs))


def train(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Train one network a job along its path, arms of a replicate from the same weights."""
    setting: FrozenSetting = jobs[0].cell.setting
    learners = []
    for job in jobs:
        model = network(setting, job.seed, call.weights)
        learners.append(Learner(model.to(call.device), job.cell.learning_path(), job.seed))
    followed = follow(learners, setting, call, Measures(at_every_epoch, at_both_ends))
    for job, learner, passages in zip(jobs, learners, followed, strict=True):
        yield job, measure(passages, has_pairs(learner))


def network(setting: FrozenSetting, seed: int, weights: Path) -> nn.Module:
    """Return the network that training begins with; UsageError where published ones are not in the folder `weights`."""
    if not setting.imagenet:
        model = build(setting.model)
        initialise(model, SCHEME, stream(seed, "initialisation"))
        return model
    extractor, last = backbone(setting.imagenet, weights)
    model = nn.Sequential(ImageNetInput(IMAGENET_SIDE), extractor, last)
    NewClassifier(setting.dataset.classes)(model, torch.Generator().manual_seed(stream(seed, "classifier")))
    return model
