"""Algorithm 1 as it must hold exactly: Eq. 1, the mask and its guard, the rates, storage, and what two steps move."""

import copy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from common.experiment import Experiment, Grid, Job, Measured, Metric, Metrics, Procedure
from common.models.architecture import build
from common.models.init import initialise
from common.models.weights import parameter_counts, weight_tensors
from common.run.call import Call
from papers.freezenet import storage
from papers.freezenet.masks import apply_pruning, freezing_mask, freezing_rates
from papers.freezenet.random_images import (
    LENET_5,
    LENET_300_100,
    VGG16_D,
    VGG_MINI,
    Case,
    Cell,
    case,
    moved_weights,
    nothing,
    two_steps,
)
from papers.freezenet.saliency import snip_scores


def algorithm(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Measure every property of Algorithm 1 that must hold exactly."""
    for job in jobs:
        found = case(job.cell, job.seed)
        before = {
            "identity_error": identity_error(found),
            "forward_passes": forward_passes(found),
            "forward_difference": forward_difference(job.cell, found),
        }
        start = two_steps(found)
        yield (
            job,
            Metrics(
                {
                    **before,
                    **rate_properties(found, start),
                    **storage_properties(found),
                    **training_properties(found, start),
                }
            ),
        )


def masks(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Check every job's mask."""
    for job in jobs:
        yield job, Metrics(mask_properties(case(job.cell, job.seed)))


def identity_error(found: Case) -> float:
    """Return the largest distance between the scores and dL(m * W)/dm at m = 1, relative to the largest (Eq. 1)."""
    weights = {name: w.detach() for name, w in weight_tensors(found.model).items()}
    ones = {name: torch.ones_like(w, requires_grad=True) for name, w in weights.items()}
    masked = {name: ones[name] * weights[name] for name in weights}
    state = {name: value.clone() for name, value in found.model.state_dict().items() if name not in weights}
    loss = F.cross_entropy(functional_call(found.model.train(), {**state, **masked}, (found.inputs,)), found.targets)
    exact = torch.autograd.grad(loss, list(ones.values()))
    largest = max(float(g.abs().max()) for g in exact)
    return max(float((found.scores[name] - g).abs().max()) / largest for name, g in zip(ones, exact, strict=True))


def forward_passes(found: Case) -> float:
    """Count the forward passes that the scores take (Section 3.1: one batch)."""
    passes = []
    hook = found.model.register_forward_hook(lambda *_: passes.append(1))
    snip_scores(found.model, found.inputs, found.targets)
    hook.remove()
    return len(passes)


def forward_difference(cell: Cell, found: Case) -> float:
    """Return the largest difference between the outputs of the dense and the frozen net before training."""
    dense = build(cell.setting.model)
    initialise(dense, "xavier_normal", found.seed)
    with torch.no_grad():
        return float((dense.eval()(found.inputs) - found.model.eval()(found.inputs)).abs().max())


def mask_properties(found: Case) -> dict[str, float]:
    """Check the mask against a plain sort of all scores (Algorithm 1, steps 3 and 4, and the layer guard)."""
    magnitudes = {name: score.abs() for name, score in found.scores.items()}
    ranked = torch.cat([m.flatten() for m in magnitudes.values()]).sort(descending=True).values
    k = int((1 - Fraction(repr(found.freezing_rate))) * len(ranked))
    kept = {name: m >= ranked[k - 1] for name, m in magnitudes.items()}
    guarded = sum(int((found.mask[name] & ~kept[name]).sum()) for name in kept)
    lost = sum(int((kept[name] & ~found.mask[name]).sum()) for name in kept)
    empty = sum(not bool(layer.any()) for layer in kept.values())
    ties = {name: torch.ones_like(score) for name, score in found.scores.items()}
    tied = freezing_mask(ties, found.freezing_rate)
    return {
        "kept_beyond_k": sum(int(m.sum()) for m in found.mask.values()) - k - guarded,
        "ranking_violations": lost + guarded - empty,
        "guard_weights": guarded,
        "least_trainable_of_a_layer": min(int(m.sum()) for m in found.mask.values()),
        "tied_share_kept": sum(int(m.sum()) for m in tied.values()) / len(ranked),
    }


def rate_properties(found: Case, start: Mapping[str, Tensor]) -> dict[str, float]:
    """Check q and q_beta against a count of the weights that training left as they were at the start (Section 3.3)."""
    rates, total = freezing_rates(found.model, found.mask), parameter_counts(found.model)
    left = total.weights - moved_weights(found, start)
    return {
        "q_error": abs(rates.q - left / total.weights),
        "q_beta_error": abs(rates.q_beta - left / (total.weights + total.biases)),
        "q_minus_q_beta": rates.q - rates.q_beta,
        "gradients_saved": left / (total.weights + total.biases),
    }


def storage_properties(found: Case) -> dict[str, float]:
    """Save and load the trained network, and store it pruned by the same mask (Section 3.3)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        size = storage.save(path, found.model, found.seed, found.mask)
        loaded = storage.load(path)
        pruned = copy.deepcopy(found.model)
        apply_pruning(pruned, found.mask)
        pruned_size = storage.save(path, pruned, found.seed, found.mask)
    trained = build(found.model.architecture)  # type: ignore[arg-type]
    trained.load_state_dict(found.model.state_dict())  # in the loaded one's layout, or sums round otherwise
    with torch.no_grad():
        difference = (loaded(found.inputs) - trained.eval()(found.inputs)).abs().max()
    return {
        "roundtrip_difference": float(difference),
        "file_kilobytes": size / 1024,
        "pruned_file_difference": abs(pruned_size - size) / size,
    }


def training_properties(found: Case, start: Mapping[str, Tensor]) -> dict[str, float]:
    """Measure what training moved since the start, and must not have, and what it must have moved."""
    end = {name: value.detach() for name, value in found.model.named_parameters()}
    frozen = [(end[name] - start[name])[~mask].abs() for name, mask in found.mask.items()]
    free = [name for name in end if name not in found.mask]
    return {
        "frozen_change": max(float(change.max()) for change in frozen if len(change)),
        "unmoved_bias_tensors": sum(bool(torch.equal(end[name], start[name])) for name in free),
    }


ALGORITHM = Procedure(
    "algorithm 1",
    algorithm,
    {
        "identity_error": Metric("ratio", "Largest distance of the scores from dL/dm at m = 1, relative (Eq. 1)."),
        "forward_passes": Metric("count", "Forward passes that the scores take."),
        "forward_difference": Metric("none", "Largest difference of dense and frozen outputs at the start."),
        "q_error": Metric("ratio", "Distance of q from the share of the weights that two steps leave alone."),
        "q_beta_error": Metric("ratio", "Distance of q_beta from the same, as a share of weights and biases."),
        "q_minus_q_beta": Metric("ratio", "How far q lies above q_beta."),
        "gradients_saved": Metric("ratio", "Weights that two steps leave alone, as a share of weights and biases."),
        "roundtrip_difference": Metric("none", "Largest difference of outputs after training, saving and loading."),
        "file_kilobytes": Metric("kilobytes", "Size of the stored network."),
        "pruned_file_difference": Metric(
            "ratio", "Difference of the sizes of the pruned and the frozen network's files."
        ),
        "frozen_change": Metric("none", "Largest change of a frozen weight in two steps."),
        "unmoved_bias_tensors": Metric("count", "Bias tensors that did not move in two steps."),
    },
    nothing,
)
MASK_CHECKS = Procedure(
    "masks",
    masks,
    {
        "kept_beyond_k": Metric("count", "Trainable weights beyond k and those that the layer guard adds."),
        "ranking_violations": Metric("count", "Weights that a plain sort of all scores would decide otherwise."),
        "guard_weights": Metric("count", "Weights that only the layer guard keeps."),
        "least_trainable_of_a_layer": Metric("count", "Trainable weights of the layer that has fewest."),
        "tied_share_kept": Metric("ratio", "Share of the weights that stays where all scores are equal."),
    },
    nothing,
)
CELLS = (
    *(Cell(LENET_300_100, "freezenet", q) for q in (0.5, 0.9, 0.99, 0.999)),
    *(Cell(LENET_5, "freezenet", q) for q in (0.9, 0.99, 0.999)),
    Cell(VGG_MINI, "freezenet", 0.99),
)
MASK_CELLS = (  # at the last rates whole layers fall below the threshold, so the guard acts
    *CELLS,
    Cell(LENET_300_100, "freezenet", 0.9999),
    Cell(LENET_5, "freezenet", 0.9999),
    Cell(VGG16_D, "freezenet", 0.99999),
)

ALGORITHM1 = Experiment("algorithm1", "Alg. 1, Eq. 1, Sec. 3.3", ALGORITHM, Grid(CELLS), Grid(CELLS))
MASKS = Experiment("masks", "Alg. 1, Sec. 4", MASK_CHECKS, Grid(MASK_CELLS), Grid(MASK_CELLS))
