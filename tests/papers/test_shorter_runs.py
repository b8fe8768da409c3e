"""Training for a share of its declared length: a whole run, from declarations to records, that goes on when killed."""

import json
from dataclasses import replace

import pytest

from common.experiment import Experiment, Grid, Tier
from papers.freezenet import procedures as freezenet
from papers.freezenet import settings as freezenet_settings
from papers.plasticity import procedures as plasticity
from papers.plasticity import settings as plasticity_settings
from tests.resuming import require_same_after_kills

SHARE = 0.125
DIGITS = replace(freezenet_settings.DIGITS, recipe=replace(freezenet_settings.DIGITS.recipe, epochs=24))
RELABELLED = replace(plasticity_settings.DIGITS, required=0.0)
CASES = {
    "freezenet": (
        freezenet.TRAINING,
        (freezenet_settings.Cell(DIGITS, "baseline", 0.0), freezenet_settings.Cell(DIGITS, "freezenet", 0.9)),
        "validation_accuracy",
        [3, 3],
    ),
    "plasticity": (
        plasticity.TRAINING,
        (plasticity_settings.warm(RELABELLED, 40), plasticity_settings.scratch(RELABELLED, extra=20)),
        "test_accuracy",
        [10, 12],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_for_a_share_of_its_length_is_recorded_under_its_declared_cells_and_goes_on_when_killed(
    name, tmp_path, monkeypatch
):
    procedure, cells, curve, lengths = CASES[name]
    experiment = Experiment("table", "Table 9", procedure, full=Grid(cells))
    require_same_after_kills(experiment, tmp_path, monkeypatch, SHARE)
    whole = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "whole" / "full" / "toy").glob("*.json")}
    jobs = experiment.at_scale(SHARE).jobs(Tier.FULL)
    assert [len(whole[job.key]["curves"][curve]) for job in jobs] == lengths
    assert not set(whole) & {job.key for job in experiment.jobs(Tier.FULL)}
