from pathlib import Path

import pytest
import torch

from common.experiment import Job, Tier
from common.run.call import Call
from papers.fast import by_hand, derivations, sources
from papers.fast.data import DIGITS_0_4
from papers.fast.derivations import ADP, ADP_CHECK, DERIVATION, DERIVATIONS, SHAPES
from tests.measured import measured

CALL = Call(torch.device("cpu"), Path("no data needed"))
LARGE = {"small_start", "error_norm_above_zero", "lemma_1", "lemma_2", "prototype_agreement", "random_feedback"}
"""Metrics that a true statement does not bring down to rounding error."""


@pytest.fixture
def _quick(monkeypatch):
    sources._source.cache_clear()
    monkeypatch.setitem(sources.STEPS, DIGITS_0_4, 3)
    monkeypatch.setattr(derivations, "ADP_STEPS", 13)
    yield
    sources._source.cache_clear()


def test_every_declared_metric_of_the_derivations_is_measured_and_no_other():
    first, again, other = (
        next(iter(measured(DERIVATION, [Job(DERIVATION, SHAPES[0], seed)], CALL))) for seed in (0, 0, 1)
    )
    assert first.scalars == again.scalars
    assert first.scalars != other.scalars
    assert all(value < 1e-3 for name, value in first.scalars.items() if name not in LARGE), first.scalars


def test_shapes_are_those_of_the_papers_target_tasks():
    assert [shape.classes for shape in SHAPES] == [10, 100, 256]
    assert DERIVATIONS.smoke.cells == DERIVATIONS.full.cells == SHAPES


@pytest.mark.usefixtures("_quick")
def test_the_engine_measures_what_the_definition_says_on_the_digits():
    (found,) = measured(ADP_CHECK, ADP.jobs(Tier.SMOKE), CALL)
    assert all(value == pytest.approx(0.0, abs=1e-6) for value in found.scalars.values()), found.scalars


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("curve", "place"), [("target", 2), ("source", -1), ("validation", 0)])
def test_a_difference_from_the_definition_is_seen(monkeypatch, curve, place):
    plain = by_hand.fine_tune

    def wrong(*arguments):
        found = plain(*arguments)
        found[curve][place] -= 0.25
        return found

    monkeypatch.setattr(by_hand, "fine_tune", wrong)
    (found,) = measured(ADP_CHECK, ADP.jobs(Tier.SMOKE), CALL)
    assert found.scalars["adp_off"] == pytest.approx(0.25, abs=1e-6)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("name", "steps", "metric"),
    [
        ("checkpoints", [0, 1, 1, 2, 3, 5, 8, 13], "checkpoints_off"),
        ("checkpoints", [0, 1, 2, 3, 5, 9, 13], "checkpoints_off"),
        ("validations", [0, 1, 3, 5, 10], "gaps_off"),
    ],
)
def test_a_schedule_that_is_not_the_papers_is_seen(monkeypatch, name, steps, metric):
    monkeypatch.setattr(f"papers.fast.anytime.{name}", lambda _: steps)
    (found,) = measured(ADP_CHECK, ADP.jobs(Tier.SMOKE), CALL)
    assert found.scalars[metric] > 0.0
    assert sum(found.scalars[other] > 0.0 for other in ("checkpoints_off", "gaps_off")) == 1
