"""Masks against hand-made cases and a brute-force ranking in exact arithmetic."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from common.models import lenet5_caffe, lenet_300_100, weight_tensors
from papers.freezenet.masks import (
    apply_pruning,
    check_mask,
    exact_rate,
    freezing_mask,
    freezing_rates,
    random_mask,
)

Array = npt.NDArray[np.float32]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ones(mask: dict[str, Tensor]) -> int:
    return sum(int(part.sum()) for part in mask.values())


def fake_scores(model: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Return distinct scores of random sign; the highest of all stand first in each tensor, so no guard is
    needed."""
    shapes = {name: weight.shape for name, weight in weight_tensors(model).items()}
    total = sum(shape.numel() for shape in shapes.values())
    generator = seeded(seed)
    values = torch.randperm(total, generator=generator).double() + 1
    values *= torch.randint(0, 2, (total,), generator=generator) * 2 - 1
    parts = values.split([shape.numel() for shape in shapes.values()])
    for index, part in enumerate(parts):
        part[0] = total + 1 + index
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def brute_force(scores: list[Array], rate: Fraction, signed: bool) -> list[bool]:
    """Follow Algorithm 1 word by word, one number at a time, without the layer guard."""
    ranked = [float(value) if signed else abs(float(value)) for score in scores for value in score.flatten()]
    count = ((1 - rate) * len(ranked)).__floor__()
    if count == 0:
        return [False] * len(ranked)
    threshold = sorted(ranked, reverse=True)[count - 1]
    if threshold != 0:
        return [not value < threshold for value in ranked]
    kept = [value > 0 for value in ranked]
    for index, value in enumerate(ranked):
        if value == 0 and sum(kept) < count:
            kept[index] = True
    return kept


SHAPES = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4)
VALUES = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0]) | st.floats(-4, 4, width=32)


@st.composite
def score_arrays(draw: st.DrawFn) -> list[Array]:
    shapes = draw(SHAPES)
    lists = [draw(st.lists(VALUES, min_size=math.prod(s), max_size=math.prod(s))) for s in shapes]
    return [np.array(values, dtype=np.float32).reshape(s) for values, s in zip(lists, shapes, strict=True)]


def numbered(*shapes: tuple[int, int]) -> list[Array]:
    """Return scores 1, 2, 3, ... of alternating sign, all different."""
    total = sum(rows * columns for rows, columns in shapes)
    values = np.arange(1, total + 1, dtype=np.float32) * np.where(np.arange(total) % 2, -1, 1).astype(np.float32)
    parts = np.split(values, np.cumsum([rows * columns for rows, columns in shapes])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


@settings(max_examples=300, deadline=None)
@example(scores=numbered((2, 2), (2, 3)), thousandths=900, signed=False, seed=0)  # (1 - 0.9) 10 is 0.9999999999999998
@example(scores=numbered((4, 3), (4, 2)), thousandths=850, signed=False, seed=0)  # (1 - 0.85) 20 = 3.0000000000000004
@example(scores=numbered((4, 3), (4, 2)), thousandths=975, signed=False, seed=0)  # k = floor(0.5), a half to even too
@example(scores=numbered((4, 3), (4, 2)), thousandths=875, signed=True, seed=0)  # k = floor(2.5)
@example(scores=numbered((4, 3), (4, 2)), thousandths=826, signed=True, seed=0)  # k = floor(3.48)
@example(scores=numbered((3, 1), (4, 1)), thousandths=715, signed=False, seed=0)  # k = floor(1.995)
@example(scores=[-np.ones((2, 2), np.float32), *numbered((2, 3))], thousandths=400, signed=False, seed=0)  # tied
@example(scores=[np.zeros((2, 2), np.float32), *numbered((1, 1))], thousandths=400, signed=False, seed=0)  # at zero
@given(scores=score_arrays(), thousandths=st.integers(0, 999), signed=st.booleans(), seed=st.integers(0, 9))
def test_mask_equals_brute_force_plus_guard(scores: list[Array], thousandths: int, signed: bool, seed: int) -> None:
    tensors = {f"layer{i}": torch.from_numpy(score) for i, score in enumerate(scores)}
    mask = freezing_mask(tensors, thousandths / 1000, seeded(seed), signed=signed)
    expected = brute_force(scores, Fraction(thousandths, 1000), signed)
    assert list(mask) == list(tensors)
    start = 0
    for name, score in tensors.items():
        wanted = expected[start : start + score.numel()]
        start += score.numel()
        assert mask[name].dtype == torch.bool
        assert mask[name].shape == score.shape
        if any(wanted):
            assert mask[name].flatten().tolist() == wanted
        else:
            assert int(mask[name].sum()) == 1


def test_ranking_is_global_and_by_magnitude() -> None:
    scores = {"a": torch.tensor([[-9.0, 1.0], [8.0, -7.0]]), "b": torch.tensor([0.5, -6.0, 2.0, 3.0])}
    mask = freezing_mask(scores, 0.5)
    assert mask["a"].tolist() == [[True, False], [True, True]]
    assert mask["b"].tolist() == [False, True, False, False]


def test_signed_ranking_keeps_the_highest() -> None:
    scores = {"a": torch.tensor([-9.0, 1.0, 8.0, -7.0]), "b": torch.tensor([0.5, -6.0, 2.0, 3.0])}
    mask = freezing_mask(scores, 0.5, signed=True)
    assert mask["a"].tolist() == [False, True, True, False]
    assert mask["b"].tolist() == [False, False, True, True]


def test_ties_with_the_threshold_are_all_kept() -> None:
    mask = freezing_mask({"a": torch.tensor([3.0, -2.0, 2.0, 2.0, 1.0])}, 0.6)  # k = 2
    assert mask["a"].tolist() == [True, True, True, True, False]


def test_threshold_zero_keeps_exactly_k_by_index() -> None:
    scores = {"a": torch.tensor([0.0, 0.0, -1.0]), "b": torch.tensor([0.0, 2.0, 0.0])}
    mask = freezing_mask(scores, "1/3")  # k = 4: two non-zero ones and the first two zeros
    assert mask["a"].tolist() == [True, True, True]
    assert mask["b"].tolist() == [False, True, False]


def test_nothing_to_rank_leaves_one_guard_weight_per_tensor() -> None:
    mask = freezing_mask({"a": torch.ones(5), "b": torch.ones(2, 2)}, 0.9)  # k = floor(0.9) = 0
    assert [int(part.sum()) for part in mask.values()] == [1, 1]


def test_guard_adds_on_top_and_touches_only_empty_tensors() -> None:
    scores = {"a": torch.arange(1.0, 91.0), "b": torch.full((10,), 0.25)}
    mask = freezing_mask(scores, 0.9)  # k = 10, all of them in "a"
    assert mask["a"].nonzero().flatten().tolist() == list(range(80, 90))
    assert int(mask["b"].sum()) == 1


def test_guard_weight_is_random_and_repeatable() -> None:
    scores = {"a": torch.arange(1.0, 2001.0), "b": torch.zeros(1000)}
    drawn = [int(freezing_mask(scores, 0.9, seeded(seed))["b"].nonzero()) for seed in range(8)]
    assert len(set(drawn)) > 5
    assert drawn == [int(freezing_mask(scores, 0.9, seeded(seed))["b"].nonzero()) for seed in range(8)]
    assert int(freezing_mask(scores, 0.9)["b"].nonzero()) == drawn[0], "without a generator, seed 0"


def test_guard_may_fall_on_every_weight() -> None:
    scores = {"a": torch.arange(1.0, 5.0), "b": torch.zeros(3)}
    generator = seeded()
    drawn = {int(freezing_mask(scores, 0.5, generator)["b"].nonzero()) for _ in range(60)}
    assert drawn == {0, 1, 2}


# k = floor((1 - q)|W|) of the two LeNets, computed by hand with fractions. Double precision would lose one
# weight of 266,200 at 0.9 and of 430,500 at 0.8 and 0.9.
COUNTS = {
    "0.5": (133_100, 215_250),
    "0.8": (53_240, 86_100),
    "0.9": (26_620, 43_050),
    "0.95": (13_310, 21_525),
    "0.99": (2_662, 4_305),
    "0.991": (2_395, 3_874),
    "0.995": (1_331, 2_152),
    "0.997": (798, 1_291),
    "0.999": (266, 430),
}


@pytest.mark.parametrize("rate", COUNTS)
def test_trainable_counts_of_the_lenets(rate: str) -> None:
    for build, expected in zip((lenet_300_100, lenet5_caffe), COUNTS[rate], strict=True):
        scores = fake_scores(build())
        for notation in (float(rate), np.float64(rate), rate, Decimal(rate), Fraction(rate)):
            mask = freezing_mask(scores, notation)
            assert ones(mask) == expected
            assert all(bool(part.any()) for part in mask.values())


def test_vgg_scale_count_by_the_flat_rule() -> None:
    total = 15_239_872  # VGG16-D for 10 classes
    for rate, expected in (
        (0.5, 7_619_936),
        (0.9, 1_523_987),
        (0.95, 761_993),
        (0.99, 152_398),
        (0.995, 76_199),
    ):
        assert ((1 - exact_rate(rate)) * total).__floor__() == expected


def test_rate_zero_keeps_everything() -> None:
    scores = {"a": torch.tensor([0.0, 1.0, 0.0]), "b": torch.tensor([-1.0])}
    for signed in (False, True):
        assert ones(freezing_mask(scores, 0, signed=signed)) == 4


@pytest.mark.parametrize("rate", [1.0, 1, -0.1, math.nan, math.inf, "a half", "1/0", Decimal("NaN"), None])
def test_bad_rate(rate: float) -> None:
    with pytest.raises(ValueError, match=r"freezing rate must be a number in \[0, 1\)"):
        freezing_mask({"a": torch.ones(3)}, rate)


def test_nan_score_names_its_tensor() -> None:
    with pytest.raises(ValueError, match="scores of 'b' contain NaN"):
        freezing_mask({"a": torch.ones(3), "b": torch.tensor([1.0, math.nan])}, 0.5)


def test_no_scores() -> None:
    with pytest.raises(ValueError, match="no scores"):
        freezing_mask({}, 0.5)


def test_scores_are_not_changed() -> None:
    scores = {"a": torch.tensor([-3.0, 0.0, 1.0])}
    freezing_mask(scores, 0.5)
    assert scores["a"].tolist() == [-3.0, 0.0, 1.0]


def test_random_mask_draws_exactly_k_over_all_tensors() -> None:
    model = lenet_300_100()
    mask = random_mask(model, 0.9, seeded())
    check_mask(model, mask)
    assert ones(mask) == 26_620
    # A uniform draw of k weights puts a hypergeometric number in each tensor: within 5 standard deviations.
    for name, weight in weight_tensors(model).items():
        mean = 0.1 * weight.numel()
        assert abs(int(mask[name].sum()) - mean) < 5 * math.sqrt(0.9 * mean)
    assert [int(part.sum()) for part in mask.values()] != [23_520, 3_000, 100], "not the same share in every layer"


def test_random_mask_depends_on_the_generator_only() -> None:
    model = nn.Sequential(nn.Linear(20, 10), nn.Linear(10, 5))
    first, again, other = (random_mask(model, 0.5, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_random_mask_is_guarded_by_the_draws_of_its_own_generator() -> None:
    model = nn.Sequential(nn.Linear(20, 10), nn.Linear(10, 5))
    before, guards = torch.get_rng_state(), []
    for seed in range(8):
        generator = seeded(seed)
        mask = random_mask(model, 0.999, generator)  # k = floor(0.25) = 0
        assert [int(part.sum()) for part in mask.values()] == [1, 1]
        guards.append([int(part.flatten().nonzero()) for part in mask.values()])
        follow = seeded(seed)
        torch.randperm(250, generator=follow)
        assert guards[-1] == [int(torch.randint(size, (), generator=follow)) for size in (200, 50)]
        assert torch.equal(generator.get_state(), follow.get_state())
    assert len({tuple(own) for own in guards}) > 5
    assert torch.equal(torch.get_rng_state(), before)


def test_rates_by_hand() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 4), nn.Linear(4, 2, bias=False)
    )
    # 8 + 8 + 8 weights, 2 + 4 biases, 2 + 2 BatchNorm parameters.
    mask = {name: torch.zeros(weight.shape, dtype=torch.bool) for name, weight in weight_tensors(model).items()}
    mask["0.weight"][0] = True
    mask["4.weight"][0, :2] = True
    rates = freezing_rates(model, mask)
    assert rates.trainable_weights == 6
    assert rates.trained_parameters == 6 + 6 + 4
    assert rates.q == pytest.approx(1 - 6 / 24)
    assert rates.q_beta == pytest.approx(1 - 12 / 30)


def test_rates_of_a_bare_layer() -> None:
    rates = freezing_rates(nn.Linear(3, 2), {"weight": torch.ones(2, 3, dtype=torch.bool)})
    assert (rates.q, rates.q_beta, rates.trained_parameters) == (0.0, 0.0, 8)


@pytest.mark.parametrize(("rate", "q_beta"), [(0.5, 0.49923), (0.9, 0.89862), (0.99, 0.98848), (0.999, 0.99746)])
def test_real_freezing_rate_of_lenet_300_100(rate: float, q_beta: float) -> None:
    model = lenet_300_100()
    rates = freezing_rates(model, freezing_mask(fake_scores(model), rate))
    assert round(rates.q_beta, 5) == q_beta
    assert rates.q == pytest.approx(rate, abs=1 / 266_200)
    assert rates.trained_parameters == rates.trainable_weights + 410


@pytest.mark.parametrize(("rate", "q_beta"), [(0.9, 0.899), (0.99, 0.989), (0.995, 0.994), (0.999, 0.998)])
def test_real_freezing_rate_printed_in_table_2(rate: float, q_beta: float) -> None:
    model = lenet5_caffe()
    assert round(freezing_rates(model, freezing_mask(fake_scores(model), rate)).q_beta, 3) == q_beta


def test_pruning_sets_plus_zero_and_nothing_else() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[-1.0, math.inf, math.nan], [4.0, -5.0, 6.0]]))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mask = {
        "0.weight": torch.tensor([[False, False, False], [True, False, True]]),
        "2.weight": torch.tensor([[True, True]]),
    }
    apply_pruning(model, mask)
    assert model[0].weight.tolist() == [[0.0, 0.0, 0.0], [4.0, 0.0, 6.0]]
    assert not torch.signbit(model[0].weight).any()
    for name in before.keys() - {"0.weight"}:
        assert torch.equal(model.state_dict()[name], before[name])
    assert model[0].weight.requires_grad


MISFITS = [
    ({}, "have other weight tensors; they differ in weight"),
    (
        {"weight": torch.ones(2, 3, dtype=torch.bool), "bias": torch.ones(2, dtype=torch.bool)},
        "differ in bias",
    ),
    ({"weight": torch.ones(2, 3)}, "'weight' must be boolean"),
    ({"weight": torch.ones(3, 2, dtype=torch.bool)}, r"\(3, 2\), its weight \(2, 3\)"),
]


@pytest.mark.parametrize(("mask", "message"), MISFITS)
def test_misfitting_masks_are_named(mask: dict[str, Tensor], message: str) -> None:
    for use in (check_mask, apply_pruning, freezing_rates):
        with pytest.raises(ValueError, match=message):
            use(nn.Linear(3, 2), mask)
