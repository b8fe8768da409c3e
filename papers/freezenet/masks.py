"""Which weights are trained: freezing masks, their rates, and pruning by a mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

import torch
from torch import Tensor, nn

from common.models import parameter_counts, weight_tensors

Rate = float | str | Decimal | Fraction


@dataclass(frozen=True)
class FreezingRates:
    """Rates and counts of a mask as it is, guard weights and ties included (Section 3.3).

    `q` is the freezing rate 1 - |m|_0 / |W|, `q_beta` the real freezing rate 1 - (|m|_0 + |B|) / (|W| + |B|),
    where B is the biases of convolutional and linear layers: as printed, BatchNorm is not counted.
    `trainable_weights` is |m|_0; `trained_parameters` adds every bias and every BatchNorm parameter.
    """

    q: float
    q_beta: float
    trainable_weights: int
    trained_parameters: int


def freezing_mask(
    scores: Mapping[str, Tensor],
    freezing_rate: Rate,
    generator: torch.Generator | None = None,
    signed: bool = False,
) -> dict[str, Tensor]:
    """Return the mask that freezes the weights of lowest score, ranked over all tensors together.

    Takes one tensor of scores for each weight tensor, all on one device, and returns boolean tensors of the
    same names, shapes and device, True where a weight trains. The freezing rate q lies in [0, 1); a float
    means the decimal number it prints as, so 0.9 is nine tenths.

    Algorithm 1, steps 2 to 4: with k = floor((1 - q)|W|), computed exactly, the threshold eps is the k-th
    highest magnitude, and a weight is frozen where its magnitude is strictly below eps; ties with eps all
    stay trainable. `signed` ranks the scores themselves, as GraSP does (Section S1.3). The paper leaves two
    cases open. Where eps is 0, the strict rule would train every weight of score 0: instead, the first of
    them in index order fill up to exactly k. Where k is 0, no weight passes.

    Layer guard (Section 4): a tensor left without a trainable weight gets one at random, on top of the
    others. `generator` draws one index for each such tensor, in order; it defaults to a new one of seed 0.

    Raises ValueError for a NaN score, for no scores at all, and for a rate outside [0, 1).
    """
    if not scores:
        raise ValueError("there are no scores to rank")
    for name, score in scores.items():
        if score.isnan().any():
            raise ValueError(f"scores of {name!r} contain NaN; check the batch and weights they come from")
    ranked = torch.cat([score.detach().flatten() for score in scores.values()])
    if not signed:
        ranked = ranked.abs()
    kept = _keep_highest(ranked, _trainable_count(ranked.numel(), freezing_rate))
    return _guarded(_split_like(kept, scores), generator)


def random_mask(model: nn.Module, freezing_rate: Rate, generator: torch.Generator) -> dict[str, Tensor]:
    """Return a mask of exactly floor((1 - q)|W|) weights drawn uniformly from all tensors, and guarded.

    This is the random mask of Section 4.5, which does not say whether layers are drawn one by one; the draw
    is global like the ranking it is compared with. `generator` draws the weights, then the guard weights.
    Rate, result and errors are those of `freezing_mask`.
    """
    weights = weight_tensors(model)
    total = sum(weight.numel() for weight in weights.values())
    order = torch.randperm(total, generator=generator, device=generator.device)
    kept = torch.zeros(total, dtype=torch.bool, device=generator.device)
    kept[order[: _trainable_count(total, freezing_rate)]] = True
    mask = _guarded(_split_like(kept, weights), generator)
    return {name: part.to(weights[name].device) for name, part in mask.items()}


def freezing_rates(model: nn.Module, mask: Mapping[str, Tensor]) -> FreezingRates:
    """Return the rates and counts that a mask gives a network; raises ValueError where it does not fit it."""
    check_mask(model, mask)
    counts = parameter_counts(model)
    trainable = sum(int(part.count_nonzero()) for part in mask.values())
    return FreezingRates(
        q=1 - trainable / counts.weights,
        q_beta=1 - (trainable + counts.biases) / (counts.weights + counts.biases),
        trainable_weights=trainable,
        trained_parameters=trainable + counts.biases + counts.batch_norm,
    )


def apply_pruning(model: nn.Module, mask: Mapping[str, Tensor]) -> None:
    """Set the weights outside the mask to exactly +0.0, in place (m * W of Section 3.1).

    Biases and BatchNorm parameters stay. Raises ValueError where the mask does not fit the network.
    """
    check_mask(model, mask)
    with torch.no_grad():
        for name, weight in weight_tensors(model).items():
            weight.masked_fill_(~mask[name].to(weight.device), 0.0)


def check_mask(model: nn.Module, mask: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless the mask has one boolean tensor of the right shape for each weight tensor."""
    weights = weight_tensors(model)
    if mask.keys() != weights.keys():
        odd = sorted(mask.keys() ^ weights.keys())
        raise ValueError(f"mask and network have other weight tensors; they differ in {', '.join(odd)}")
    for name, weight in weights.items():
        if mask[name].dtype != torch.bool:
            raise ValueError(f"mask of {name!r} must be boolean, not {mask[name].dtype}")
        if mask[name].shape != weight.shape:
            found = tuple(mask[name].shape)
            raise ValueError(f"mask of {name!r} has the shape {found}, its weight {tuple(weight.shape)}")


def exact_rate(freezing_rate: Rate) -> Fraction:
    """Return a freezing rate as the exact fraction that its shortest decimal notation stands for.

    In double precision (1 - 0.9) * 266,200 lies just below 26,620, and its floor would lose one weight.
    Raises ValueError for what is no number in [0, 1).
    """
    notation = repr(float(freezing_rate)) if isinstance(freezing_rate, float) else freezing_rate
    message = f"freezing rate must be a number in [0, 1), not {freezing_rate!r}"
    try:
        rate = Fraction(notation)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(message) from error
    if not 0 <= rate < 1:
        raise ValueError(message)
    return rate


def _trainable_count(total: int, freezing_rate: Rate) -> int:
    return floor((1 - exact_rate(freezing_rate)) * total)


def _keep_highest(ranked: Tensor, count: int) -> Tensor:
    """Apply the strict threshold rule to a flat tensor [|W|] of scores."""
    if count == 0:
        return torch.zeros_like(ranked, dtype=torch.bool)
    threshold = torch.topk(ranked, count, sorted=False).values.min()
    kept = ranked >= threshold
    if threshold == 0:
        above = ranked > 0
        tied = (kept & ~above).nonzero().flatten()
        kept = above
        kept[tied[: count - int(above.count_nonzero())]] = True
    return kept


def _split_like(flat: Tensor, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parts = torch.split(flat, [tensor.numel() for tensor in tensors.values()])
    return {name: part.view(tensors[name].shape) for name, part in zip(tensors, parts, strict=True)}


def _guarded(mask: dict[str, Tensor], generator: torch.Generator | None) -> dict[str, Tensor]:
    """Flag one random weight of each tensor that has no trainable weight."""
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    for part in mask.values():
        if not part.any():
            index = torch.randint(part.numel(), (), generator=generator, device=generator.device)
            part.view(-1)[int(index)] = True
    return mask
