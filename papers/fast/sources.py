"""What a model knows before it is adapted: one source model a scenario, shared by all seeds (Section 6.2.1)."""

import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from common.datasets.caltech256 import CALTECH256
from common.datasets.dataset import DataSet
from common.models.init import initialise
from common.models.pretrained import ImageNetInput, backbone
from common.models.small_cnn import FEATURES, small_cnn
from common.run.call import Call
from common.seeds import stream
from papers.fast.adoption import Adopted, Start
from papers.fast.anytime import History, Run, Schedule, adapt
from papers.fast.settings import FAN_IN, OPTIMIZERS, Setting
from papers.fast.tasks import Task, task

EXTRACTOR, CLASSIFIER, ORDER = (  # the source model's own random numbers, which no replicate has
    stream(0, f"source {purpose}") for purpose in ("extractor", "classifier", "order")
)
RATE = 0.01
BATCH = 100
SIDE = 128
"""The side that images are resized to, but for those of Caltech-256, which already have theirs."""
SOURCE = "source"
"""The part of a checkpoint that holds the source model, which all jobs of a call share."""


@dataclass(frozen=True, eq=False)
class Source:
    """An extractor, the classifier that belongs to it, and the task that both learnt, where it can be tested."""

    extractor: nn.Module
    head: nn.Linear | None
    features: int
    task: Task | None
    history: History | None = None


def adopt(source: Source, classes: int, start: Start, seed: int) -> Adopted:
    """Return a model for another task: a copy of the extractor, and a W(0) whose random numbers `seed` begins."""
    drawn = torch.Generator().manual_seed(seed)
    weight = start.draw(classes, source.features, drawn)
    device = next(source.extractor.parameters()).device
    return Adopted(copy.deepcopy(source.extractor), source.head, weight.to(device))


def source_of(setting: Setting, call: Call) -> Source:
    """Return what the models of a setting are adopted from; trained first where it is a task of its own.

    Raises UsageError where pretrained weights or data are missing.
    """
    side = None if setting.target == CALTECH256 else SIDE
    source = _source(setting.network, setting.origin, setting.source, setting.source_steps, side, call)
    if source.history is not None:  # whatever is interrupted from here on need not train it again
        history = source.history
        call.checkpoint.part(SOURCE).finish(lambda: vars(history))
    return source


@lru_cache(maxsize=4)
def _source(network: str, origin: str, learnt: DataSet | None, steps: int, side: int | None, call: Call) -> Source:
    before = _origin(network, origin, side, call.weights, call.device)
    if learnt is None:
        return before
    problem = task(learnt, call.data_dir, call.device)
    model = adopt(before, problem.num_classes, FAN_IN, CLASSIFIER)
    schedule = Schedule(steps, BATCH, OPTIMIZERS["sgd"])
    part = call.checkpoint.part(SOURCE)
    if part.result is not None:
        history = History(**part.result)
    else:
        (history,) = adapt([Run(model, RATE, RATE, ORDER)], schedule, problem, None, part)
    model.load_state_dict(history.best_state)
    return Source(model.extractor, model.classifier, before.features, problem, history)


def _origin(network: str, origin: str, side: int | None, weights: Path, device: torch.device) -> Source:
    if origin == "imagenet":
        extractor, head = backbone(network, weights)
        extractor = nn.Sequential(ImageNetInput(side), extractor)
        return Source(extractor.to(device), head.to(device), head.in_features, None)
    extractor = small_cnn(batch_norm=int(network == "small_cnn"))
    initialise(extractor, "kaiming_uniform", EXTRACTOR)
    return Source(extractor.to(device), None, FEATURES, None)
