import json
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import torch

from common import machine
from common.claims.claim import Quantity
from common.claims.results import Results
from common.claims.verdict import Verdict
from common.cli import main
from common.datasets.cifar import CIFAR10
from common.errors import UsageError
from common.experiment import Grid, Metrics, Tier
from common.machine import device_of
from common.plan import probe
from common.plan.cost import Rate, Speeds
from common.run.call import Environment
from common.run.record import Record
from common.work import Work
from tests import conftest
from tests.common import test_reproduce
from tests.common.toy import find, trend
from tests.conftest import Setting


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tier", "medium"], "unknown tier 'medium'; there are: smoke, full"),
        (["--only", "table9"], "unknown experiment 'table9'; there are: table"),
        (["--seeds", "0"], "argument --seeds: 0 is not from 1 to 1000; --help explains all options"),
        (["--seeds", "-3"], "argument --seeds: -3 is not from 1 to 1000"),
        (["--seeds", "2000000"], "argument --seeds: 2000000 is not from 1 to 1000"),
        (["--seeds", "two"], "argument --seeds: 'two' is no whole number"),
        (["--first-seed", "-1"], "argument --first-seed: -1 is not from 0 to 1000000000"),
        (["--workers", "0"], "argument --workers: 0 is not from 1 to 1024"),
        (["--workers", "2", "--device", "cuda"], "--workers: on a GPU one process trains; give --device cpu too"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate; --help explains all options"),
        (["--results", ""], "argument --results: an empty name"),
        (["--device", "cuda:99"], "device 'cuda:99' was asked for"),
        (["--device", "cpu:3"], "device 'cpu:3' was asked for, but there are 1 of its kind here"),
        (["--probe"], "--probe measures the device for a plan: give --plan too"),
        (["--plan", "--probe", "--device", "cuda:99"], "device 'cuda:99' was asked for"),
        (["--device", "abacus"], "unknown device 'abacus'"),
        (["--device", "meta"], "unknown device 'meta'"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(toy_package, tmp_path, capsys, arguments, message):
    package, _ = toy_package
    results = tmp_path / "results"
    assert main(package, ["--results", str(results), *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
    assert not results.exists()


@pytest.mark.parametrize("option", ["--data-dir", "--weights-dir"])
def test_folders_that_cannot_be_read_are_one_line_and_code_2(toy_package, tmp_path, capsys, monkeypatch, option):
    package, _ = toy_package
    results, file = ["--results", str(tmp_path / "results")], tmp_path / "file"
    file.write_text("")
    for folder, why in ((file, "is not a folder"), (tmp_path / "none", "does not exist")):
        assert main(package, [option, str(folder), *results]) == 2
        assert capsys.readouterr().err == f"error: {option} {folder} {why}\n"
        assert main(package, ["--plan", option, str(folder), *results]) == 0, "a plan needs no data"
        capsys.readouterr()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(package, [option, str(tmp_path), *results]) == 2
    assert capsys.readouterr().err == f"error: {option} {tmp_path} may not be read: permission denied\n"
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("contents", "workers"), [(None, 1), ("not a batch", 2)])
def test_a_data_set_that_is_missing_or_damaged_is_one_line_and_code_2(
    full_toy, tmp_path, capsys, monkeypatch, contents, workers
):
    (experiment,) = full_toy.experiments
    package = replace(full_toy, experiments=(replace(experiment, procedure=conftest.procedure(conftest.reading)),))
    monkeypatch.setattr("common.cli.workers_on", lambda device: workers)
    if contents is not None:
        for name in CIFAR10.sources:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(contents)
    assert main(package, ["--tier", "full", "--data-dir", str(tmp_path), "--results", str(tmp_path / "results")]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    if contents is None:
        assert line.startswith(f"error: data set 'cifar10' not found: there is no {tmp_path}/cifar-10-batches-py/")
        assert line.endswith(f"get it with: nox -s data -- cifar10 --data-dir {tmp_path}")
    else:
        assert line.startswith(f"error: data set 'cifar10' is corrupt: {tmp_path}/cifar-10-batches-py: the MD5 sum of")
        assert line.endswith("; delete it and get the data set again")


def test_a_driver_too_old_for_the_wheel_is_one_line_and_code_2(full_toy, tmp_path, capsys, monkeypatch):
    def init():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nPlease update it.")

    monkeypatch.setattr(torch.cuda, "init", init)
    results = tmp_path / "results"
    assert main(full_toy, ["--tier", "full", "--device", "cuda", "--results", str(results)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: device 'cuda' was asked for, but torch {torch.__version__}, built for CUDA ")
    assert line.endswith("; update the NVIDIA driver, or install a torch wheel for an older CUDA")
    assert not results.exists()


def test_jobs_are_told_where_data_and_weights_are(toy_package, tmp_path, monkeypatch):
    package, _ = toy_package
    told = []
    monkeypatch.setattr("common.cli.reproduce", lambda request: told.append(request.environment) or 0)
    (tmp_path / "w").mkdir()
    main(package, ["--data-dir", str(tmp_path)])
    main(package, ["--data-dir", str(tmp_path), "--weights-dir", str(tmp_path / "w")])
    assert [each.data_dir for each in told] == [tmp_path] * 2
    assert [each.weights for each in told] == [tmp_path / "weights", tmp_path / "w"]


def test_weights_are_looked_for_beside_the_data_where_no_folder_is_named():
    cpu = torch.device("cpu")
    assert Environment(cpu, Path("d")).weights == Path("d/weights")
    assert Environment(cpu, Path("d"), weights_dir=Path("w")).weights == Path("w")


def test_a_malformed_expectations_file_names_its_place(toy_package, tmp_path, capsys):
    package, path = toy_package
    path.write_text(path.read_text().replace("margin: 0.02", "margin: 2.0"))
    assert main(package, ["--results", str(tmp_path / "results")]) == 2
    assert "expectations.yaml:28:15: a margin of 2.0 is 200 points" in capsys.readouterr().err


def test_plan_lists_jobs_and_state_and_runs_nothing(toy_package, tmp_path, capsys):
    package, _ = toy_package
    results = ["--results", str(tmp_path / "results")]
    assert main(package, ["--plan", *results]) == 0
    first = capsys.readouterr().out
    assert "table         Table 9       30       0         0        30" in first
    assert main(package, results) == 0
    capsys.readouterr()
    assert main(package, ["--plan", *results]) == 0
    assert "table         Table 9       30      30         0         0" in capsys.readouterr().out


def test_report_judges_existing_records_and_runs_nothing(toy_package, tmp_path, capsys):
    package, _ = toy_package
    results = ["--results", str(tmp_path / "results")]
    assert main(package, ["--report", *results]) == 1
    assert "decided: 2 error" in capsys.readouterr().out
    main(package, results)
    conftest.CALLS.clear()
    assert main(package, ["--report", *results]) == 0
    assert "2 decided + 0 undecidable + 1 untestable in smoke + 0 not run" in capsys.readouterr().out
    assert conftest.CALLS == []


def test_interruption_says_how_to_go_on(toy_package, tmp_path, capsys, monkeypatch):
    package, _ = toy_package

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("common.cli.reproduce", interrupted)
    assert main(package, ["--results", str(tmp_path / "results")]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


def test_list_names_the_experiments(toy_package, capsys):
    assert main(toy_package[0], ["--list"]) == 0
    assert "table            Table 9" in capsys.readouterr().out


def test_the_cpu_is_always_there():
    assert device_of("cpu").type == "cpu"
    with pytest.raises(UsageError):
        device_of("tpu0")


@pytest.mark.parametrize("there", [True, False], ids=["a GPU", "no GPU"])
def test_the_full_tier_takes_a_gpu_where_there_is_one_and_says_where_there_is_none(
    there, full_toy, capsys, monkeypatch
):
    seen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr("common.cli.require", lambda device: None)
    monkeypatch.setattr("common.cli.reproduce", lambda request: seen.append(request.environment.device.type))
    for arguments in (["--tier", "full"], ["--tier", "smoke"], ["--tier", "full", "--device", "cpu"]):
        main(full_toy, arguments)
    assert seen == ["cuda" if there else "cpu", "cpu", "cpu"]
    said = "no GPU that torch can use, so on the CPU; --device cuda says why\n"
    assert capsys.readouterr().err == ("" if there else said)


SETTING = Setting()


@dataclass(frozen=True)
class LongCell:
    method: str
    rate: float
    setting: Setting = SETTING
    epochs: int = 8


def shorten(cell, share):
    return replace(cell, epochs=max(1, round(share * cell.epochs)))


@cache
def long_procedure(procedure):
    return replace(procedure, shorten=shorten)


def with_lengths(package):
    def long(experiment):
        grid = Grid([LongCell(cell.method, cell.rate) for cell in experiment.smoke.cells], experiment.smoke.seeds)
        return replace(experiment, smoke=grid, full=grid, procedure=long_procedure(experiment.procedure))

    return replace(package, experiments=tuple(long(experiment) for experiment in package.experiments))


def test_a_scale_is_part_of_every_job_and_of_every_verdict(toy_package, tmp_path, capsys):
    package = with_lengths(toy_package[0])
    results = ["--results", str(tmp_path / "results")]
    assert main(package, results) == 0
    assert "of the declared length" not in capsys.readouterr().out
    assert main(package, [*results, "--scale", "0.25"]) == 0
    captured = capsys.readouterr()
    assert "toy smoke: 30 jobs, 0 already done" in captured.err
    assert captured.out.count("at 0.25 of the declared length:") == 2, "both claims that were judged"


def swept(experiment):
    """Return an experiment whose cells differ in their length alone."""
    cells = [replace(experiment.smoke.cells[0], epochs=epochs) for epochs in (1, 2, 4, 8)]
    return replace(experiment, smoke=Grid(cells, 2))


def test_claims_about_lengths_that_a_scale_makes_equal_decide_nothing(toy_package):
    (experiment,) = with_lengths(toy_package[0]).experiments
    check = trend(quantity=Quantity("table", "score", {}), along="epochs", points=(1, 2, 4, 8))
    for share, decided in ((1.0, True), (0.1, False)):
        table = swept(experiment).at_scale(share)
        records = {job: Record(Metrics({"score": 0.1 * job.cell.epochs}), 1.0, {}) for job in table.jobs(Tier.SMOKE)}
        found = find(check, Results(conftest.study_of(table), records))
        assert (found.verdict is Verdict.REPRODUCED) is decided
        assert ("some of what it compares is trained alike" in found.sentence) is not decided


@pytest.mark.parametrize("scale", ["0", "-1", "1.5", "nan"])
def test_a_scale_is_a_share_of_the_length(toy_package, capsys, scale):
    assert main(with_lengths(toy_package[0]), ["--scale", scale]) == 2
    assert "a share of the declared length, above 0 and at most 1" in capsys.readouterr().err


def test_a_package_without_lengths_cannot_be_scaled(toy_package, capsys):
    assert main(toy_package[0], ["--scale", "0.5"]) == 2
    assert "the lengths of papers/toy cannot be scaled" in capsys.readouterr().err


def test_a_plan_probes_the_device_where_asked_and_says_so(toy_package, tmp_path, capsys, monkeypatch):
    speeds = Speeds(Rate(1e6, 1e9, 1e9, 1e9), Rate(1e6, 1e9, 1e9, 1e9), 1e9, 1e-6)
    calls = []
    monkeypatch.setattr(probe, "measure", lambda environment: calls.append(environment) or speeds)
    results = ["--results", str(tmp_path / "results")]
    assert main(toy_package[0], ["--plan", "--probe", *results]) == 0
    assert "from a probe of" in capsys.readouterr().out
    assert main(toy_package[0], ["--plan", *results]) == 0
    assert "from a probe of" in capsys.readouterr().out
    assert len(calls) == 1


def test_a_report_of_records_from_two_devices_names_them(toy_package, tmp_path, capsys, monkeypatch):
    package, results = toy_package[0], tmp_path / "results"
    main(package, ["--results", str(results)])
    assert "records differ" not in capsys.readouterr().out
    next((results / "smoke" / "toy").glob("*.json")).unlink()
    monkeypatch.setattr("common.run.recording._device", lambda device: "NVIDIA Slide Rule")
    main(package, ["--results", str(results)])
    line = "records differ in device: cpu (29), NVIDIA Slide Rule (1)"
    assert line in capsys.readouterr().out.splitlines()
    assert line in (results / "smoke" / "toy-report" / "report.md").read_text()


def hungry(cell):
    return Work(memory=3 * 2**30)


def test_a_gpu_without_the_memory_for_one_job_is_named_before_anything_runs(toy_package, tmp_path, capsys, monkeypatch):
    (experiment,) = toy_package[0].experiments
    package = replace(toy_package[0], experiments=(replace(experiment, procedure=replace(conftest.TOY, work=hungry)),))
    monkeypatch.setattr(machine, "memory_of", lambda device: 2 * 2**30)
    monkeypatch.setattr(machine, "device_name", lambda device: "NVIDIA Slide Rule")
    assert main(package, ["--results", str(tmp_path / "results")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("error: NVIDIA Slide Rule has 2 GiB of memory, but method=a, rate=0.1, setting=toy, seed 0")
    assert "needs about 3 GiB even alone" in line
    assert conftest.CALLS == []
    monkeypatch.setattr(machine, "memory_of", lambda device: 4 * 2**30)
    assert main(package, ["--results", str(tmp_path / "results")]) == 0


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr("common.cli.workers_on", lambda device: 1)


PARTS = [
    (["--seeds", "2"], "--seeds 2"),
    (["--first-seed", "5"], "--first-seed 5"),
    (["--seeds", "7", "--first-seed", "3"], "--first-seed 3 --seeds 7"),
    (["--only", "table"], "--only table"),
    (["--scale", "0.5"], "--scale 0.5"),
]


@pytest.mark.parametrize(("options", "named"), PARTS)
@pytest.mark.parametrize("judging", [[], ["--report"]])
def test_a_part_of_the_run_leaves_the_report_of_the_complete_one_alone(
    toy_package, tmp_path, capsys, in_this_process, options, named, judging
):
    package, path = toy_package
    other = conftest.experiment("other", rates=(0.5,))
    path.write_text(path.read_text() + test_reproduce.claim_about("other", 0.5))
    package = with_lengths(replace(package, experiments=(*package.experiments, other)))
    results = ["--results", str(tmp_path)]
    assert main(package, results) == 0
    assert "not the run as declared" not in capsys.readouterr().out
    whole = tmp_path / "smoke" / "toy-report"
    before = {path: path.read_bytes() for path in whole.iterdir()}
    main(package, [*results, *options, *judging])
    said = f"not the run as declared, but one with {named}"
    assert f"\n{said}\n" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in whole.iterdir()} == before
    part = tmp_path / "smoke" / "toy-report-partial"
    assert f"**{said}" in (part / "report.md").read_text()
    assert json.loads((part / "report.json").read_text())["part"].startswith(said)
    assert said in (part / "junit.xml").read_text()
    assert json.loads((whole / "report.json").read_text())["part"] == ""


@pytest.mark.parametrize("options", [["--seeds", "5"], ["--only", "table"], ["--scale", "1"], ["--first-seed", "0"]])
def test_options_that_leave_nothing_out_make_the_complete_report(toy_package, tmp_path, in_this_process, options):
    package = with_lengths(toy_package[0])
    main(package, ["--results", str(tmp_path), *options])
    assert (tmp_path / "smoke" / "toy-report" / "report.md").exists()
    assert not (tmp_path / "smoke" / "toy-report-partial").exists()


def test_workers_train_as_many_at_once_as_asked_for(toy_package, tmp_path, capsys, monkeypatch):
    told = []
    monkeypatch.setattr("common.cli.reproduce", lambda request: told.append(request.environment) or 0)
    monkeypatch.setattr("common.cli.workers_on", lambda device: 7)
    for options in ([], ["--workers", "3"]):
        assert main(toy_package[0], options) == 0
    assert [each.workers for each in told] == [7, 3]
    assert main(toy_package[0], ["--plan", "--workers", "3", "--results", str(tmp_path)]) == 0
    assert "times: 3 processes on" in capsys.readouterr().out


def test_jobs_that_fail_alike_are_one_line(toy_package, tmp_path, capsys, in_this_process):
    conftest.BROKEN.update({("a", 0), ("b", 1)})
    assert main(toy_package[0], ["--results", str(tmp_path)]) == 1
    assert "6 jobs failed: RuntimeError: broken on purpose\n" in capsys.readouterr().err
