"""Planted defects: each must turn the gate red, and the untouched run is green."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from common import expectations, gate, packages
from common.experiment import DECLARED, Tier
from common.machine import device_name
from common.pipeline import report, reproduce
from common.pipeline.expand import expand
from common.pipeline.record import Store
from tests import conftest


@pytest.fixture
def world(toy_package, request_for, monkeypatch, tmp_path):
    """A finished, green run of the toy package, and the gate over it."""
    package, path = toy_package
    request = request_for()
    assert reproduce(package, request) == 0
    monkeypatch.setattr(packages, "find", lambda named=(): [package])
    return World(package, path, Store(request.results / "smoke" / "toy"), tmp_path / "baseline.json")


class World:
    """The toy package, its expectations, its records, and a place for a baseline."""

    def __init__(self, package, path, store, baseline):
        self.package, self.path, self.store, self.baseline = package, path, store, baseline

    @property
    def jobs(self):
        return expand(self.package.experiments, Tier.SMOKE, DECLARED)

    def gate(self, *arguments):
        return gate.main(["--results", str(self.store.folder.parent.parent), *arguments])

    def accept(self, reason="first run"):
        return self.gate("--baseline", str(self.baseline), "--accept", reason)

    def against_baseline(self):
        return self.gate("--baseline", str(self.baseline))

    def rewrite(self, change, chosen=lambda cell: True, **provenance):
        """Write records again, whole and with a right checksum, with `change(cell, seed, score)` as their score."""
        for job in self.jobs:
            if chosen(job.cell):
                record = self.store.read(job)
                score = change(job.cell, job.seed, record.metrics.scalars["score"])
                scalars = {} if score is None else {"score": score, "validation_accuracy": 0.5}
                metrics = replace(record.metrics, scalars=scalars)
                self.store.write(job, replace(record, metrics=metrics, provenance={**record.provenance, **provenance}))


def method(name):
    return lambda cell: cell.method == name


def test_the_untouched_run_is_green(world, capsys):
    assert world.gate() == 0
    assert "3 claims declared = 2 evaluated + 0 not run + 1 untestable in smoke" in capsys.readouterr().out
    folder = world.store.folder.parent / "gate-report"
    assert {path.name for path in folder.iterdir()} == {"report.md", "report.json", "junit.xml"}


def nan(world):
    world.rewrite(lambda cell, seed, score: float("nan") if seed == 2 else score, method("a"))


def infinite(world):
    world.rewrite(lambda cell, seed, score: float("inf") if seed == 2 else score, method("a"))


def dropped_metric(world):
    world.rewrite(lambda cell, seed, score: None, method("a"))


def stale_record(world):
    job = world.jobs[0]
    path = world.store.path(job)
    path.rename(path.with_name("0123456789abcdef.json"))


def anothers_record(world):
    first, second = world.jobs[:2]
    world.store.path(first).write_text(world.store.path(second).read_text())


def truncated_file(world):
    path = world.store.path(world.jobs[0])
    path.write_text(path.read_text()[:-40])


def swapped_arms(world):
    scores = {(job.cell.method, job.cell.rate, job.seed): world.store.read(job).metrics.scalars for job in world.jobs}
    world.rewrite(lambda cell, seed, score: scores["b" if cell.method == "a" else "a", cell.rate, seed]["score"])


def five_sigma_shift(world):
    """Move all scores past the margin by five spreads, that of 10,000 images at 80 %."""
    world.rewrite(lambda cell, seed, score: score + 0.02 + 5 * 0.004)


def wrong_unit(world):
    world.rewrite(lambda cell, seed, score: 100 * score)


def empty_results(world):
    for path in world.store.folder.glob("*.json"):
        path.unlink()


def inverted_order(world):
    world.rewrite(lambda cell, seed, score: score + 0.3, method("b"))


def one_point_inverted(world):
    world.rewrite(lambda cell, seed, score: score + 0.3, lambda cell: cell.method == "b" and cell.rate == 0.3)


def one_seed_missing(world):
    world.store.path(world.jobs[3]).unlink()


@pytest.mark.parametrize(
    "defect",
    [
        nan,
        infinite,
        dropped_metric,
        stale_record,
        anothers_record,
        truncated_file,
        swapped_arms,
        five_sigma_shift,
        wrong_unit,
        empty_results,
        inverted_order,
        one_point_inverted,
        one_seed_missing,
    ],
)
def test_a_planted_defect_turns_the_gate_red(world, defect):
    defect(world)
    assert world.gate() == 1


def test_changed_code_makes_all_records_stale(world, monkeypatch):
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "other code")
    assert world.gate() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("metric: score, cell: {method: a, rate", "metric: scores, cell: {method: a, rate"), "does not measure"),
        (("experiment: table", "experiment: tabel"), "unknown experiment 'tabel'"),
        (("mean: 0.8,", "mean: 80,"), "80.0 is not a fraction: write 98.55 % as 0.9855"),
        (("margin: 0.02", "margin: 2.0"), "a margin of 2.0 is 200 points"),
        (("gate: reproduced", "gate: maybe"), "expected one of reproduced, no-deviation, none"),
    ],
)
def test_expectations_that_do_not_fit_are_bad_input(world, change, message, capsys):
    world.path.write_text(world.path.read_text().replace(*change))
    assert world.gate() == 2
    assert message in capsys.readouterr().err


def test_an_experiment_without_a_claim_is_bad_input(world, monkeypatch, capsys):
    world.package = replace(world.package, experiments=(*world.package.experiments, conftest.experiment("unread")))
    monkeypatch.setattr(packages, "find", lambda named=(): [world.package])
    assert world.gate() == 2
    assert "no claim reads the smoke experiment 'unread'" in capsys.readouterr().err


def test_the_accepted_run_agrees_with_itself(world, capsys):
    assert world.accept() == 0
    assert world.against_baseline() == 0
    assert "baseline: no gating claim changed" in capsys.readouterr().out


def test_on_the_same_platform_the_last_bit_counts(world, capsys):
    world.accept()
    world.rewrite(lambda cell, seed, score: score + 1e-15, method("b"))
    assert world.gate() == 0
    assert world.against_baseline() == 1
    assert "CHANGED toy/order: 2 of 4 samples changed on the same platform" in capsys.readouterr().out


@pytest.mark.parametrize("side", [1, -1])
def test_on_another_platform_a_shift_to_either_side_blocks_and_rounding_does_not(world, side, capsys):
    world.accept()
    world.rewrite(lambda cell, seed, score: score + side * 1e-4, device="another")
    assert world.against_baseline() == 0
    world.rewrite(lambda cell, seed, score: score + side * 0.012, method("a"), device="another")
    assert world.gate() == 0
    capsys.readouterr()
    assert world.against_baseline() == 1
    assert f"{'above' if side > 0 else 'below'} the baseline over 5 paired seeds" in capsys.readouterr().out


def test_a_verdict_that_flips_is_named_and_a_new_baseline_keeps_the_old_one(world, capsys):
    world.accept()
    world.rewrite(lambda cell, seed, score: score + 0.05)
    assert world.against_baseline() == 1
    assert "verdict toy/value: reproduced -> deviates-high" in capsys.readouterr().out
    assert world.accept("the toy learnt more") == 0
    out = capsys.readouterr().out
    assert "verdict toy/value: reproduced -> deviates-high" in out
    runs = json.loads(world.baseline.read_text())["accepted"]
    assert [run["reason"] for run in runs] == ["first run", "the toy learnt more"]
    assert world.against_baseline() == 1
    assert "baseline: no gating claim changed" in capsys.readouterr().out


def test_a_claim_that_only_one_run_knows_blocks(world, capsys):
    world.accept()
    text = world.path.read_text()
    world.path.write_text(text.replace("id: toy/value", "id: toy/renamed"))
    assert world.against_baseline() == 1
    out = capsys.readouterr().out
    assert "CHANGED toy/value: in the baseline, but no longer declared in this tier" in out
    assert "CHANGED toy/renamed: not in the baseline: accept a new one" in out
    world.path.write_text(text.replace("along: {rate: [0.1, 0.3]}", "along: {rate: [0.1, 0.2]}"))
    assert world.against_baseline() == 1
    assert "reads other numbers than in the baseline" in capsys.readouterr().out


def other_device(cell):
    return cell.rate == 0.3


@pytest.fixture
def on_github(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


def test_records_of_several_devices_are_named_wherever_the_gate_reports_and_still_pass(world, capsys, on_github):
    assert world.gate() == 0
    assert "mixed devices" not in capsys.readouterr().out + on_github.read_text()
    world.rewrite(lambda cell, seed, score: score, other_device, device="Slide Rule")
    assert world.gate() == 0
    here = device_name(torch.device("cpu"))
    line = f"mixed devices: these records come from 2, which round differently: {here} (20), Slide Rule (10)"
    out = capsys.readouterr().out.splitlines()
    assert line in out
    assert f"::warning title=mixed devices::{line}" in out
    folder = world.store.folder.parent / "gate-report"
    assert f"<system-out>{line}</system-out>" in (folder / "junit.xml").read_text()
    assert json.loads((folder / "report.json").read_text())["devices"] == {here: 20, "Slide Rule": 10}
    for text in ((folder / "report.md").read_text(), on_github.read_text()):
        assert f"**{report.table_cell(line)}.**" in text


def test_packages_from_one_device_each_are_mixed_as_well(world, monkeypatch, capsys):
    second = replace(world.package, name="second", experiments=(conftest.experiment("table"),))
    text = world.path.read_text()
    other = world.path.with_name("second.yaml")
    other.write_text(text.replace("toy/", "second/").replace("toy: A", "second: A"))
    monkeypatch.setattr(expectations, "path_of", lambda name: other if name == "second" else world.path)
    monkeypatch.setattr(packages, "find", lambda named=(): [world.package, second])
    results = world.store.folder.parent
    shutil.copytree(world.store.folder, results / "second")
    world.rewrite(lambda cell, seed, score: score, device="Slide Rule")
    assert world.gate() == 0
    assert "(30), " in capsys.readouterr().out


def test_the_warning_of_mixed_devices_is_never_crowded_out(world, monkeypatch, capsys, on_github):
    monkeypatch.setattr(gate.github, "annotations", lambda judged: [f"::error::{n}" for n in range(10)])
    world.rewrite(lambda cell, seed, score: score, other_device, device="Slide Rule")
    world.gate()
    marks = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert len(marks) == 10
    assert marks[0].startswith("::warning title=mixed devices::")


def test_a_baseline_made_on_another_device_is_named_and_still_passes(world, capsys, on_github):
    world.accept()
    assert world.against_baseline() == 0
    assert "another device" not in capsys.readouterr().out
    world.rewrite(lambda cell, seed, score: score, device="Slide Rule")
    assert world.against_baseline() == 0
    here = device_name(torch.device("cpu"))
    line = f"another device: accepted on {here}, now on Slide Rule; 2 of 2 claims are not compared bit by bit"
    out = capsys.readouterr().out.splitlines()
    assert line in out
    assert f"::warning title=another device::{line}" in out
    assert line in on_github.read_text()
    assert world.accept("a new machine") == 0
    assert line in capsys.readouterr().out.splitlines()
    assert world.against_baseline() == 0
    assert "another device" not in capsys.readouterr().out


def test_a_baseline_that_names_no_device_says_so_only_where_circumstances_differ(world, capsys):
    world.accept()
    content = json.loads(world.baseline.read_text())
    del content["accepted"][0]["devices"]
    world.baseline.write_text(json.dumps(content))
    assert world.against_baseline() == 0
    assert "circumstances" not in capsys.readouterr().out
    world.rewrite(lambda cell, seed, score: score, other_device, device="Slide Rule")
    assert world.against_baseline() == 0
    line = "other circumstances: the accepted run does not name its device; 1 of 2 claims are not compared bit by bit"
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "nowhere.json"], "cannot be read (No such file or directory); accept a run first"),
        (["--accept", "why not"], "--accept needs a reason, and --baseline the file to write it to"),
        (["--accept", " ", "--baseline", "new.json"], "--accept needs a reason"),
    ],
)
def test_a_baseline_needs_a_file_and_a_reason(world, arguments, message, capsys):
    assert world.gate(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-30], "is not whole"),
        (lambda text: text.replace('"schema": 1', '"schema": 7'), "schema 7 where 1 is read"),
        (lambda text: text.replace('"tier": "smoke"', '"tier": "full"'), "it holds the full tier, not smoke"),
        (lambda text: text.replace('"reproduced"', '"fine"'), "'fine' is not a valid Verdict"),
        (lambda text: text.replace("0.8,", "NaN,", 1), "a number that is not finite"),
        (lambda text: '{"schema": 1, "tier": "smoke", "accepted": []}', "holds no accepted run"),
    ],
)
def test_a_damaged_baseline_is_bad_input(world, damage, message, capsys):
    world.accept()
    world.baseline.write_text(damage(world.baseline.read_text()))
    assert world.against_baseline() == 2
    assert message in capsys.readouterr().err


def test_a_run_with_errors_is_never_accepted(world, capsys):
    nan(world)
    assert world.accept() == 2
    assert "a run with errors cannot be accepted: toy/order, toy/value" in capsys.readouterr().err
    assert not world.baseline.exists()
