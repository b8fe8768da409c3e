import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.datasets.transforms import blurred
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.train.program import Program
from papers.sequential_learning.data import DIGITS_250
from papers.sequential_learning.frozen_weights.fisher import fisher_score
from papers.sequential_learning.frozen_weights.measures import at_both_ends
from papers.sequential_learning.frozen_weights.procedures import AT_ENDS
from papers.sequential_learning.learner import Learner
from papers.sequential_learning.path import Task
from papers.sequential_learning.presentation import Presentation, image_set


def hidden_ratios(model, images, labels):
    """Return the norm of the gradient over that of the weights in every layer but the last, in evaluation mode."""
    model.zero_grad()
    F.cross_entropy(model.eval()(images), labels).backward()
    layers = [module for module in model if isinstance(module, nn.Linear)][:-1]
    return [(layer.weight.grad.norm() / layer.weight.norm()).item() for layer in layers]


def test_ends_are_measured_for_each_run_as_it_would_be_alone():
    models = [bn_mlp(hidden=8) for _ in range(2)]
    for seed, model in enumerate(models):
        initialise(model, "framework_uniform", seed)
    with torch.no_grad():
        models[1][1].weight[:, :32] = 1e-3
        models[1][4].weight[0] = 1e-5
    copies = copy.deepcopy(models)
    data = image_set(DIGITS_250, Path("no data needed"), torch.device("cpu"), True)
    tasks = [Task(DIGITS_250), Task(DIGITS_250, blur=0.25)]
    program, presentation = Program(models), Presentation(data, tasks, [0, 1])
    program.module.train()
    ends = at_both_ends(program, presentation, [Learner(model, (), seed) for seed, model in enumerate(models)])
    assert program.module.training
    assert set(ends) == set(AT_ENDS)
    train_images, _ = presentation.fixed(torch.arange(250).expand(2, -1))
    weights = 64 * 8 + 8 * 8 + 8 * 8 + 8 * 10
    small = [
        int((torch.cat([layer.weight.flatten() for layer in model if isinstance(layer, nn.Linear)]).abs() < 1e-4).sum())
        / weights
        for model in copies
    ]
    assert ends["small_share"].tolist() == pytest.approx(small)
    assert small[1] >= 8 / weights
    assert ends["below_hundredth"][1] >= (8 * 32 + 8) / weights
    for run, model in enumerate(copies):
        first, _, last = hidden_ratios(model, train_images[run], data.labels)
        assert ends["early_plasticity"][run].item() == pytest.approx(first, rel=1e-4)
        assert ends["late_plasticity"][run].item() == pytest.approx(last, rel=1e-4)
        with torch.no_grad():
            features = model[:-1](data.test_images[:])[None]
            some = data.test_images[:500]
            ahead, behind = (model(some + step * (blurred(some, 0.25) - some)) for step in (1e-2, -1e-2))
        assert ends["fisher"][run].item() == pytest.approx(
            fisher_score(features, data.test_labels, 10).item(), rel=1e-4
        )
        slope = ((ahead - behind) / 2e-2).norm(dim=1).mean().item()
        assert ends["sensitivity"][run].item() == pytest.approx(slope, rel=1e-3)
