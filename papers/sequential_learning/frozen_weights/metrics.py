"""What a run of the paper measured in all: its metrics, from what it went through in each stage."""

from collections.abc import Sequence

from torch import Tensor

from common.experiment import Metrics
from papers.sequential_learning.learner import Passage

COUNTED = (
    *(f"{kind}_{unit}" for kind in ("double", "triple") for unit in ("pairs", "weights", "tuples")),
    "shared_pairs",
)
OF_IMAGES = ("sensitivity", "fisher")
OF_PAIRS = ("pair_norm_start", "pair_norm", "pair_norm_peak", "pairs_decayed")


def measure(passages: Sequence[Passage], pairs: bool) -> Metrics:
    """Measure a run: test loss and accuracy, frozen weights before, between and after, and what surrounds them.

    `_before` is what pretraining left, before any reset and, without pretraining, what training began with; `_start` is
    what training on the target began with. `pairs` tells whether there are followed ones.
    """
    last, first = passages[-1], passages[0]
    scalars = {
        "test_loss": last.test_loss,
        "test_accuracy": last.test_accuracy,
        "training_loss": last.final_loss,
        "training_accuracy": last.train_accuracy,
    }
    before = {name: values[-1] for name, values in first.seen.items()} if len(passages) > 1 else None
    for name in COUNTED:
        scalars[name] = float(last.seen[name][-1])
        scalars[f"{name}_start"] = float(last.seen[name][0])
        scalars[f"{name}_before"] = float(last.seen[name][0] if before is None else before[name])
    for name, (start, end) in last.ends.items():
        scalars[f"{name}_start"], scalars[name] = float(start), float(end)
    scalars |= growth(last.seen["double_pairs_at"])
    if pairs:
        scalars |= of_pairs(last.seen["pair_norms"])
    withheld = {} if pairs else dict.fromkeys(OF_PAIRS, "no pairs of it are followed")
    if "fisher" not in last.ends:
        names = [f"{name}{moment}" for name in OF_IMAGES for moment in ("", "_start")]
        withheld |= dict.fromkeys(names, "it takes images as they are")
    return Metrics(scalars, curves_of(passages, pairs), sum(passage.seconds for passage in passages), withheld)


def growth(pairs: Tensor) -> dict[str, float]:
    """Say when and where frozen pairs came, from their numbers [1 + epochs, interfaces] (Figure 3).

    `onset` is the share of training after which there was one, 1 where there never was; early and late are the first
    and the second half of the interfaces.
    """
    totals, epochs, half = pairs.sum(1), len(pairs) - 1, pairs.shape[1] // 2
    first = next((epoch for epoch, count in enumerate(totals.tolist()) if count), epochs)
    return {
        "double_pairs_quarter": float(totals[epochs // 4]),
        "double_pairs_half": float(totals[epochs // 2]),
        "onset": first / epochs,
        "early_pairs": float(pairs[-1, :half].sum()),
        "late_pairs": float(pairs[-1, -half:].sum()),
    }


def of_pairs(norms_of_pairs: Tensor) -> dict[str, float]:
    """Sum up the norms of followed pairs, [1 + epochs, pairs] (Figure 4): their mean at both ends, and the greatest."""
    return {
        "pair_norm_start": float(norms_of_pairs[0].mean()),
        "pair_norm": float(norms_of_pairs[-1].mean()),
        "pair_norm_peak": float(norms_of_pairs.max()),
        "pairs_decayed": float((norms_of_pairs[-1] < norms_of_pairs[0]).double().mean()),
    }


def curves_of(passages: Sequence[Passage], pairs: bool) -> dict[str, list[float]]:
    """Return one number an epoch over all stages: losses, counts, and counts and norms by interface."""
    curves = {"training_loss": [loss for passage in passages for loss in passage.loss]}
    for name in ("double_pairs", "triple_pairs"):
        curves[name] = [float(value) for passage in passages for value in passage.seen[name]]
    last = passages[-1].seen
    for name, short in (("double_pairs_at", "pairs_at"), *((("pair_norms", "norm_at"),) if pairs else ())):
        for number, values in enumerate(last[name].unbind(1), start=1):
            curves[f"{short}_{number}"] = values.double().tolist()
    return curves
