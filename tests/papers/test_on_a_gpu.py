"""Whole experiments on a fake GPU, from the command line to the report; of packages where that takes a few seconds."""

import json
from importlib import import_module

import pytest

from common import cli
from common.experiment import Tier
from common.run.expand import expand
from common.study import study
from tests.fake_gpu import FakeGpu

CHEAP = {"freezenet": "table4", "plasticity": "fig9"}


@pytest.mark.parametrize("package", CHEAP)
def test_an_experiment_runs_on_a_gpu_from_the_command_to_the_report(package, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "require", lambda device: None)
    reproduce = import_module(f"papers.{package}.reproduce")
    for job in expand(study(reproduce.PACKAGE, Tier.SMOKE)):
        assert job.work  # counted on torch's own device without memory
    with FakeGpu() as gpu:
        command = ["--tier", "smoke", "--device", "cuda", "--seeds", "1", "--only", CHEAP[package]]
        code = cli.main(reproduce.PACKAGE, [*command, "--results", str(tmp_path)])
    said = capsys.readouterr()
    assert code in (0, 1), "with one seed, claims are not judged"
    assert "failed" not in said.err
    records = [json.loads(path.read_text()) for path in (tmp_path / "smoke" / package).glob("*.json")]
    assert records
    assert {record["provenance"]["device"] for record in records} == {"fake GPU"}
    assert gpu.graphs
