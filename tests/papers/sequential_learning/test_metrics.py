import pytest
import torch

from papers.sequential_learning.frozen_weights.metrics import COUNTED, curves_of, growth, measure, of_pairs
from papers.sequential_learning.frozen_weights.procedures import MEASURED
from papers.sequential_learning.learner import Passage


def passage(counts=None, ends=None, **fields):
    """Return a passage with counts by moment, [1 + epochs], the same for all units but for their number."""
    counts = [0, 0] if counts is None else counts
    seen = {name: torch.tensor(counts) * (number + 1) for number, name in enumerate(COUNTED)}
    seen["double_pairs_at"] = torch.tensor([[count, 10 * count] for count in counts])
    return Passage(
        **{
            "loss": [],
            "validation_loss": [],
            "best_epoch": 0,
            "initial_loss": -1.0,
            "final_loss": -2.0,
            "train_accuracy": -3.0,
            "test_loss": -4.0,
            "test_accuracy": -5.0,
            "seen": {**seen, **fields.pop("seen", {})},
            "ends": {} if ends is None else ends,
            "seconds": 1.5,
            **fields,
        }
    )


def test_counts_before_are_those_at_the_end_of_pretraining_and_those_at_the_start_come_after_a_reset():
    metrics = measure([passage([1, 2, 7]), passage([3, 4, 5, 6])], False)
    for number, name in enumerate(COUNTED, start=1):
        assert metrics.scalars[f"{name}_before"] == 7 * number
        assert metrics.scalars[f"{name}_start"] == 3 * number
        assert metrics.scalars[name] == 6 * number
    assert metrics.seconds == 3.0


def test_without_pretraining_the_counts_before_are_those_at_the_start():
    scalars = measure([passage([3, 4, 6])], False).scalars
    assert [scalars[f"double_pairs{moment}"] for moment in ("_before", "_start", "")] == [3, 3, 6]


def test_a_run_is_measured_by_its_last_stage():
    first = passage(test_loss=9.0, ends={"fisher": torch.tensor([7.0, 8.0])})
    last = passage(
        test_loss=0.6,
        test_accuracy=0.8,
        final_loss=0.1,
        train_accuracy=0.9,
        ends={"fisher": torch.tensor([0.25, 0.5]), "small_share": torch.tensor([0.125, 0.75])},
    )
    scalars = measure([first, last], False).scalars
    expected = {"test_loss": 0.6, "test_accuracy": 0.8, "training_loss": 0.1, "training_accuracy": 0.9}
    expected |= {"fisher_start": 0.25, "fisher": 0.5, "small_share_start": 0.125, "small_share": 0.75}
    assert {name: scalars[name] for name in expected} == expected
    assert set(scalars) <= set(MEASURED)


def test_growth_says_when_and_where_pairs_came():
    none, early, late = [0, 0, 0, 0], [2, 1, 0, 0], [3, 1, 5, 7]
    rows = [none, none, none, early, early, early, late, late, late]  # before training, and after eight epochs
    assert growth(torch.tensor(rows)) == {
        "double_pairs_quarter": 0.0,
        "double_pairs_half": 3.0,
        "onset": 3 / 8,
        "early_pairs": 4.0,
        "late_pairs": 12.0,
    }
    assert growth(torch.tensor(rows[6:]))["onset"] == 0.0
    assert growth(torch.tensor(rows[:3]))["onset"] == 1.0


def test_growth_leaves_the_middle_one_of_three_interfaces_out():
    found = growth(torch.tensor([[0, 0, 0], [1, 10, 100]]))
    assert (found["early_pairs"], found["late_pairs"]) == (1.0, 100.0)


def test_norms_of_pairs_are_summed_up_over_pairs():
    norms = torch.tensor([[1.0, 3.0, 2.0], [9.0, 1.0, 2.0], [0.5, 4.0, 2.0]])
    assert of_pairs(norms) == {
        "pair_norm_start": 2.0,
        "pair_norm": pytest.approx(6.5 / 3),
        "pair_norm_peak": 9.0,
        "pairs_decayed": pytest.approx(1 / 3),  # one that ends as it began has not
    }
    metrics = measure([passage([0, 0, 0], seen={"pair_norms": norms})], True)
    assert metrics.scalars["pair_norm_peak"] == 9.0
    assert metrics.curves["norm_at_1"] == [1.0, 9.0, 0.5]
    assert metrics.curves["norm_at_3"] == [2.0, 2.0, 2.0]
    assert "norm_at_4" not in metrics.curves


def test_curves_run_over_all_stages_and_interfaces_over_the_last():
    curves = curves_of([passage([1, 2], loss=[0.5]), passage([3, 4, 5], loss=[0.4, 0.3])], False)
    assert curves["training_loss"] == [0.5, 0.4, 0.3]
    assert curves["double_pairs"] == [1, 2, 3, 4, 5]
    assert curves["triple_pairs"] == [4, 8, 12, 16, 20]
    assert curves["pairs_at_1"] == [3, 4, 5]
    assert curves["pairs_at_2"] == [30, 40, 50]
    assert "norm_at_1" not in curves
