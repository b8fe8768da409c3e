"""What is measured of networks in training, on the device: frozen weights, plasticity, invariance (Sections 2 to 5)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from common.datasets.transforms import blurred
from common.train.evaluate import evaluation_mode
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count, small_share
from papers.sequential_learning.frozen_weights.fisher import fisher_score, sensitivity
from papers.sequential_learning.frozen_weights.interfaces import interfaces, weight_layers
from papers.sequential_learning.frozen_weights.interventions import PairStart
from papers.sequential_learning.frozen_weights.pairs import norms, track
from papers.sequential_learning.learner import Learner, intervention_draws
from papers.sequential_learning.nuisances import LOWEST_BLUR
from papers.sequential_learning.presentation import Presentation

STEP = 1e-2  # of the central difference behind the input sensitivity
SENSITIVITY_IMAGES = 500
PLASTICITY_IMAGES = 500


def at_every_epoch(program: Program, presentation: Presentation, learners: Sequence[Learner]) -> Mapping[str, Tensor]:
    """Count mutually frozen weights, in all and at each interface, and take the norms of the pairs of Figure 4.

    Interfaces that residual connections share count for nothing but `shared_pairs`.
    """
    found, parameters = interfaces(learners[0].model), program.parameters_of_runs()
    counts, pairs = count(parameters, found), []
    for exclusive in (True, False):
        chosen = [i for i, each in enumerate(found) if each.exclusive == exclusive]
        pairs.append(counts.double.pairs[:, chosen])
    seen = {**counts.totals(), "double_pairs_at": pairs[0], "shared_pairs": pairs[1].sum(1)}
    if any(has_pairs(learner) for learner in learners):
        tracked = [track(own.model, intervention_draws(own.seed, 0, 0)) for own in learners]
        seen["pair_norms"] = norms(parameters, tracked, found)
    return seen


def has_pairs(learner: Learner) -> bool:
    """Tell whether pairs of a network are followed (Figure 4)."""
    return any(isinstance(change, PairStart) for change in learner.path[0].before)


def at_both_ends(program: Program, presentation: Presentation, learners: Sequence[Learner]) -> Mapping[str, Tensor]:
    """Measure shares of small weights, the Fisher score, input sensitivity and plasticity by layers.

    Invariance is measured on untransformed test images; sensitivity towards their blur (Definition 4).
    """
    layers, parameters, data = weight_layers(learners[0].model), program.parameters_of_runs(), presentation.data
    measured = {
        "small_share": small_share(parameters, layers),
        "below_hundredth": small_share(parameters, layers, 1e-2),
        **dict(zip(("early_plasticity", "late_plasticity"), plasticity(program, presentation, layers), strict=True)),
    }
    if data.mean is None:
        return measured
    test = torch.arange(len(data.test_labels), device=data.images.device).expand(program.runs, -1)
    features = program.inputs_of(layers[-1], presentation.to_test, test)
    few = presentation.to_test(test[:, :SENSITIVITY_IMAGES])[0]
    with evaluation_mode(program.module):
        measured["sensitivity"] = sensitivity(program.logits, few, blurred(few, LOWEST_BLUR), STEP)
    measured["fisher"] = fisher_score(features, data.test_labels, data.num_classes)
    return measured


def plasticity(program: Program, presentation: Presentation, layers: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the size of the gradient over that of the weights, the mean of the earlier and of the later layers, [R].

    Plasticity is the gradient itself (Definition 2); it is taken in evaluation mode, on the first training images, in
    all layers but the output layer, which may be new.
    """
    hidden, labels = layers[:-1], presentation.data.labels
    index = torch.arange(min(PLASTICITY_IMAGES, len(labels)), device=labels.device)
    with evaluation_mode(program.module):
        gradients = program.gradients(program.losses(*presentation.fixed(index.expand(program.runs, -1))))
    by_name = dict(zip(program.parameters, gradients, strict=True))
    relative = []
    for name in hidden:
        weight, gradient = program.parameters[f"{name}.weight"].detach(), by_name[f"{name}.weight"]
        relative.append(_norms(program, gradient) / _norms(program, weight))
    ratios, half = torch.stack(relative), len(hidden) // 2
    return ratios[:half].mean(0), ratios[-half:].mean(0)


def _norms(program: Program, tensor: Tensor) -> Tensor:
    """Return every run's own norm of a tensor shaped like a parameter, [R]."""
    own = tensor if program.stacked else tensor.unsqueeze(0)
    return own.flatten(1).square().sum(1).sqrt()
