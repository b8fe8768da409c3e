"""Anytime Deployment Performance as its definition reads: a plain loop over one model, with every state at hand.

Slow and simple. What the engine measures is checked against it, and timed against it.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.train.evaluate import accuracy
from papers.fast.adoption import Adopted
from papers.fast.anytime import Run, Schedule
from papers.fast.tasks import Task


def fine_tune(run: Run, schedule: Schedule, batches: Tensor, target: Task, source: Task) -> dict[str, list[float]]:
    """Fine-tune a model by heavy-ball SGD on the images that batches [steps, B] name.

    Returns "target" and "source", the ADP at every checkpoint, and "validation" at every validation.
    """
    model = run.model
    groups = [
        {"params": list(model.classifier.parameters()), "lr": run.alpha},
        {"params": list(model.extractor.parameters()), "lr": run.beta},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.0, momentum=0.9)
    validated, deployed = set(schedule.validations), set(schedule.checkpoints)
    validation = target.images[target.validation], target.labels[target.validation]
    found: dict[str, list[float]] = {"target": [], "source": [], "validation": []}
    best, best_model = -1.0, copy.deepcopy(model)
    for step in range(schedule.steps + 1):
        if step in validated:
            found["validation"].append(accuracy(model, *validation))
            if found["validation"][-1] > best:
                best, best_model = found["validation"][-1], copy.deepcopy(model)
        if step in deployed:
            found["target"].append(accuracy(best_model, target.test_images, target.test_labels))
            found["source"].append(accuracy(with_source_head(best_model), source.test_images, source.test_labels))
        if step < schedule.steps:
            model.train()
            optimizer.zero_grad()
            batch = batches[step]
            torch.autograd.backward(F.cross_entropy(model(target.images[batch]), target.labels[batch]))
            optimizer.step()
    return found


def with_source_head(model: Adopted) -> nn.Module:
    """Return the extractor followed by the classifier that it had on the source task."""
    assert model.source is not None
    return nn.Sequential(model.extractor, model.source)
