"""Runs that are killed and go on: what they record must be what an undisturbed run records, bit for bit."""

import json

import pytest
import torch

from common.experiment import Tier
from common.package import Package
from common.reproduce import Request, train
from common.run.call import Environment
from common.study import study
from common.train.checkpoint import CheckpointFile


class KilledError(BaseException):
    """What a run dies of."""


def run(package, folder, every=None, scale=1.0):
    """Train the full tier of a package, saving training `every` so many seconds."""
    environment = Environment(torch.device("cpu"), folder, checkpoint_seconds=every)
    assert train(Request(study(package, Tier.FULL, scale=scale), folder, environment)) == {}


def records(folder):
    """Return the records of a run by key, without what differs between any two runs."""
    found = {path.stem: json.loads(path.read_text()) for path in (folder / "full" / "toy").glob("*.json")}
    names = ("cell", "seed", "scale", "scalars", "curves")
    return {key: [record["provenance"]["together"], *(record[name] for name in names)] for key, record in found.items()}


def killed_after(saves):
    """Return what saves a checkpoint so often, and dies with the last one."""
    save, left = CheckpointFile.save, [saves]

    def counting(file):
        save(file)
        left[0] -= bool(file.tree)
        if not left[0]:
            raise KilledError

    return counting


def require_same_after_kills(experiment, folder, monkeypatch, scale=1.0, kills=(1, 2)):
    """Run the full tier of an experiment undisturbed, and again with kills after so many saves; compare the records."""
    package = Package("toy", (experiment,), lambda results: [])
    run(package, folder / "whole", scale=scale)
    for saves in kills:
        with monkeypatch.context() as patch:
            patch.setattr(CheckpointFile, "save", killed_after(saves))
            with pytest.raises(KilledError):
                run(package, folder / "killed", 0.0, scale)
        assert not records(folder / "killed")
    run(package, folder / "killed", 0.0, scale)
    whole = records(folder / "whole")
    assert whole
    assert records(folder / "killed") == whole
    return whole
