"""Training for a share of its declared length: a whole run, from declarations to records, that goes on when killed."""

import json
from dataclasses import replace

import pytest
import torch

from common.experiment import DECLARED, Experiment, Grid, Tier
from common.package import Package
from common.reproduce import Request, at_scale, train
from common.run.call import Environment
from common.train.checkpoint import CheckpointFile
from papers.freezenet import procedures as freezenet
from papers.freezenet import settings as freezenet_settings
from papers.plasticity import procedures as plasticity
from papers.plasticity import settings as plasticity_settings

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


def run(package, folder, every=None):
    environment = Environment(torch.device("cpu"), folder, checkpoint_seconds=every)
    short = at_scale(package, SHARE)
    assert train(short, short.experiments, Request(Tier.SMOKE, (), DECLARED, folder, environment, scale=SHARE)) == {}


def records(folder):
    paths = (folder / "smoke" / "toy").glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in paths}


class KilledError(BaseException):
    pass


def killed_after(saves):
    """Return what saves a checkpoint so often, and dies with the last one."""
    save, left = CheckpointFile.save, [saves]

    def counting(file):
        save(file)
        left[0] -= bool(file.tree)
        if not left[0]:
            raise KilledError

    return counting


@pytest.mark.parametrize("name", CASES)
def test_a_run_for_a_share_of_its_length_is_recorded_under_its_declared_cells_and_goes_on_when_killed(
    name, tmp_path, monkeypatch
):
    procedure, cells, curve, lengths = CASES[name]
    experiment = Experiment("table", "Table 9", procedure, Grid(cells))
    package = Package("toy", (experiment,), lambda results: [])
    run(package, tmp_path / "whole")
    whole = records(tmp_path / "whole")
    jobs = experiment.at_scale(SHARE).jobs(Tier.SMOKE)
    assert [len(whole[job.key]["curves"][curve]) for job in jobs] == lengths
    assert not set(whole) & {job.key for job in experiment.jobs(Tier.SMOKE)}
    for saves in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(CheckpointFile, "save", killed_after(saves))
            with pytest.raises(KilledError):
                run(package, tmp_path / "killed", 0.0)
        assert not records(tmp_path / "killed")
    run(package, tmp_path / "killed", 0.0)
    again = records(tmp_path / "killed")
    assert again.keys() == whole.keys()
    for key, record in whole.items():
        for part in ("cell", "seed", "scalars", "curves"):
            assert again[key][part] == record[part]
        assert again[key]["provenance"]["together"] == record["provenance"]["together"]
