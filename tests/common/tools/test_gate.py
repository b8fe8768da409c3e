"""Planted defects: each must turn the gate red, and the untouched run is green."""

import json
import math
import shutil
from dataclasses import replace

import pytest

from common.claims.verdict import Verdict
from common.experiment import Tier
from common.provenance import provenance
from common.report.markdown import table_cell
from common.reproduce import reproduce
from common.run.expand import expand
from common.run.record import Store
from common.study import study
from common.tools import accepted, gate
from common.tools.accepted import Numbers
from tests import conftest


@pytest.fixture
def world(toy_package, request_for, monkeypatch, tmp_path):
    """A finished, green run of the toy package, and the gate over it."""
    package, path = toy_package
    request = request_for(package)
    assert reproduce(request) == 0
    monkeypatch.setattr("common.tools.gate.find_packages", lambda named=(): [package])
    return World(package, path, Store(request.results / "smoke" / "toy"), tmp_path / "baseline.json")


class World:
    """The toy package, its expectations, its records, and a place for a baseline."""

    def __init__(self, package, path, store, baseline):
        self.package, self.path, self.store, self.baseline = package, path, store, baseline

    @property
    def jobs(self):
        return expand(study(self.package, Tier.SMOKE))

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


def same(cell, seed, score):
    return score


def method(name):
    return lambda cell: cell.method == name


def test_the_untouched_run_is_green(world, capsys):
    assert world.gate() == 0
    assert (
        "3 claims declared = 2 decided + 0 undecidable + 1 untestable in smoke + 0 not run" in capsys.readouterr().out
    )
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
    monkeypatch.setattr("common.tools.gate.find_packages", lambda named=(): [world.package])
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


@pytest.mark.parametrize(("dirty", "commit"), [(False, "abc"), (True, "abc+changes")])
def test_an_accepted_run_keeps_the_commit_that_accepted_it_and_those_of_its_records(world, monkeypatch, dirty, commit):
    world.rewrite(same, commit="d" * 40, dirty=False)
    monkeypatch.setattr(gate, "provenance", lambda: {"commit": "abc", "dirty": dirty})
    assert world.accept(" a reason\nin two lines ") == 0
    (run,) = accepted.read(world.baseline, "smoke")
    assert (run.commit, run.reason) == (commit, "a reason in two lines")
    assert run.records["commit"] == {"d" * 12: 30}


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


GROUPED = "jobs are grouped otherwise (which train together, and where) than in the accepted run"


def with_torch(version):
    return {**provenance()["versions"], "torch": version}


def test_records_of_several_origins_are_named_wherever_the_gate_reports_and_still_pass(world, capsys, on_github):
    assert world.gate() == 0
    assert "records differ" not in capsys.readouterr().out + on_github.read_text()
    world.rewrite(same, other_device, device="Slide Rule", versions=with_torch("1.0"), commit="0" * 40, dirty=False)
    assert world.gate() == 0
    here = provenance()
    commit = here["commit"][:12] + ("+changes" if here["dirty"] else "")
    lines = [
        f"records differ in commit: {commit} (20), 000000000000 (10)",
        "records differ in device: cpu (20), Slide Rule (10)",
        f"records differ in torch: {here['versions']['torch']} (20), 1.0 (10)",
    ]
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if line.startswith("records differ")] == lines
    assert f"::warning title=mixed records::{'%0A'.join(lines)}" in out
    folder = world.store.folder.parent / "gate-report"
    assert "<system-out>{}\n{}\n{}</system-out>".format(*lines) in (folder / "junit.xml").read_text()
    found = json.loads((folder / "report.json").read_text())["provenance"]["records"]
    assert found["device"] == {"cpu": 20, "Slide Rule": 10}
    assert found["numpy"] == {here["versions"]["numpy"]: 30}
    for text in ((folder / "report.md").read_text(), on_github.read_text()):
        assert all(f"**{table_cell(line)}.**" in text for line in lines)


@pytest.fixture
def two(world, monkeypatch):
    """The toy and a second package beside it, with the same scores."""
    second = replace(world.package, name="second", experiments=(conftest.experiment("table"),))
    text = world.path.read_text()
    other = world.path.with_name("second.yaml")
    other.write_text(text.replace("toy/", "second/").replace("toy: A", "second: A"))
    monkeypatch.setattr("common.reproduce.path_of", lambda name: other if name == "second" else world.path)
    there = {"papers/toy": world.package, "papers/second": second}
    monkeypatch.setattr("common.tools.gate.find_packages", lambda named=(): [there[name] for name in named or there])
    shutil.copytree(world.store.folder, world.store.folder.parent / "second")
    return world


def test_packages_from_one_device_each_are_mixed_as_well(two, capsys):
    two.rewrite(same, device="Slide Rule")
    assert two.gate() == 0
    assert "records differ in device: Slide Rule (30), cpu (30)" in capsys.readouterr().out.splitlines()


def test_the_warning_of_mixed_records_is_never_crowded_out(world, monkeypatch, capsys, on_github):
    monkeypatch.setattr(gate.github, "annotations", lambda judged: [f"::error::{n}" for n in range(10)])
    world.rewrite(same, other_device, device="Slide Rule")
    world.gate()
    marks = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert len(marks) == 10
    assert marks[0].startswith("::warning title=mixed records::")


def test_what_differs_from_the_accepted_run_is_named_and_still_passes(world, capsys, on_github):
    world.accept()
    assert world.against_baseline() == 0
    out = capsys.readouterr().out
    assert "2 of 2 claims are compared bit by bit" in out
    assert "where the accepted run" not in out
    world.rewrite(same, versions=with_torch("1.0"))
    assert world.against_baseline() == 0
    here = provenance()["versions"]["torch"]
    line = f"torch 1.0 where the accepted run has {here}: 2 claims are compared by the drift test, not bit by bit"
    out = capsys.readouterr().out.splitlines()
    assert line in out
    assert "0 of 2 claims are compared bit by bit" in out
    assert f"::warning title=other circumstances::{line}" in out
    assert line in on_github.read_text()
    assert world.accept("a new torch") == 0
    assert line in capsys.readouterr().out.splitlines()
    assert world.against_baseline() == 0
    assert "where the accepted run" not in capsys.readouterr().out


def test_records_that_trained_in_other_company_are_named(world, capsys):
    world.accept()
    world.rewrite(same, other_device, together="0123456789abcdef")
    assert world.against_baseline() == 0
    out = capsys.readouterr().out.splitlines()
    how = "1 claim is compared by the drift test, not bit by bit"
    assert f"{GROUPED}: {how}" in out
    assert "1 of 2 claims are compared bit by bit" in out


def test_records_that_swap_their_circumstances_are_not_compared_bit_by_bit(world, capsys):
    world.rewrite(same, method("a"), device="Slide Rule")
    world.accept()
    assert world.against_baseline() == 0
    assert "2 of 2 claims are compared bit by bit" in capsys.readouterr().out
    world.rewrite(same, method("a"), device="cpu")
    world.rewrite(same, method("b"), device="Slide Rule")
    assert world.against_baseline() == 0
    out = capsys.readouterr().out
    assert "0 of 2 claims are compared bit by bit" in out
    assert f"{GROUPED}: 1 claim is compared by the drift test" in out


def test_a_baseline_that_names_no_circumstances_is_compared_by_the_drift_test(world, capsys):
    world.accept()
    (run,) = accepted.read(world.baseline, "smoke")
    toy = {id: replace(numbers, circumstances={}, company="0") for id, numbers in run.packages["toy"].items()}
    accepted.write(world.baseline, "smoke", [replace(run, packages={"toy": toy})])
    assert world.against_baseline() == 0
    line = "the accepted run does not say on what it was made: 2 claims are compared by the drift test, not bit by bit"
    assert line in capsys.readouterr().out.splitlines()


def test_a_claim_that_two_packages_declare_is_bad_input(world, monkeypatch, capsys):
    monkeypatch.setattr(
        "common.tools.gate.find_packages", lambda named=(): [world.package, replace(world.package, name="second")]
    )
    assert world.gate() == 2
    assert "two packages declare the claim toy/never" in capsys.readouterr().err


def test_changes_that_block_are_marked_on_github_and_others_are_not(world, capsys, on_github):
    world.path.write_text(world.path.read_text().replace("gate: no-deviation", "gate: none"))
    world.accept()
    world.rewrite(lambda cell, seed, score: score + 1e-15, method("a"))
    capsys.readouterr()
    assert world.against_baseline() == 1
    out = capsys.readouterr().out
    assert "CHANGED toy/order" in out
    assert "changed toy/value" in out
    marks = [line for line in out.splitlines() if line.startswith("::")]
    assert [mark.split("title=")[1].split("::")[0] for mark in marks] == ["toy/order%3A changed"]


def test_a_part_is_judged_and_compared_alone(two, capsys):
    assert two.accept() == 0
    two.rewrite(lambda cell, seed, score: score + 0.05)
    capsys.readouterr()
    assert two.gate("papers/second", "--baseline", str(two.baseline)) == 0
    out = capsys.readouterr().out
    assert "judged in part: papers/second alone, no other paper" in out
    assert "papers/second against the run accepted on" in out
    assert "2 of 2 claims are compared bit by bit" in out
    assert "baseline: no gating claim changed" in out
    assert "toy/" not in out
    folder = two.store.folder.parent / "gate-report"
    assert (folder / "report.md").read_text().startswith("# gate of papers/second, smoke tier\n")
    assert two.gate("papers/toy", "--baseline", str(two.baseline)) == 1
    how = f"nox -s gate -- papers/toy --baseline {two.baseline} --accept 'the reason'"
    assert how in capsys.readouterr().out
    assert two.gate("papers/toy", "papers/second", "--baseline", str(two.baseline)) == 1


def test_accepting_a_part_keeps_the_other_pinned_numbers(two, capsys):
    assert two.accept() == 0
    before = accepted.pinned(accepted.read(two.baseline, "smoke"), ["second"])
    two.rewrite(lambda cell, seed, score: score + 0.05)
    assert two.gate("papers/toy", "--baseline", str(two.baseline), "--accept", "the toy learnt more") == 0
    out = capsys.readouterr().out
    assert "accepted in part: papers/toy; pinned as before: papers/second" in out
    assert "verdict toy/value: reproduced -> deviates-high" in out
    runs = accepted.read(two.baseline, "smoke")
    assert [list(run.packages) for run in runs] == [["toy", "second"], ["toy"]]
    assert accepted.pinned(runs, ["second"]) == before
    assert two.gate("--baseline", str(two.baseline)) == 1
    out = capsys.readouterr().out
    assert "papers/toy against the run accepted on" in out
    assert "papers/second against the run accepted on" in out
    assert "baseline: no gating claim changed" in out
    assert "4 of 4 claims are compared bit by bit" in out


def test_a_part_may_be_the_first_that_is_accepted(two, capsys):
    assert two.gate("papers/second", "--baseline", str(two.baseline), "--accept", "a new paper") == 0
    assert "accepted in part: papers/second; pinned as before: no other paper" in capsys.readouterr().out
    assert two.gate("papers/second", "--baseline", str(two.baseline)) == 0
    assert two.gate("--baseline", str(two.baseline)) == 1
    assert "CHANGED toy/value: not in the baseline: accept a new one" in capsys.readouterr().out


def test_a_paper_that_is_gone_blocks_until_a_run_without_it_is_accepted(two, monkeypatch, capsys):
    assert two.accept() == 0
    monkeypatch.setattr("common.tools.gate.find_packages", lambda named=(): [two.package])
    assert two.against_baseline() == 1
    assert "CHANGED second/value: in the baseline, but no longer declared in this tier" in capsys.readouterr().out
    assert two.accept("without the second") == 0
    assert "verdict second/value: reproduced -> undeclared" in capsys.readouterr().out
    assert two.against_baseline() == 0
    assert two.accept("again") == 0
    assert [list(run.packages) for run in accepted.read(two.baseline, "smoke")][-1] == ["toy"]


def test_unknown_papers_end_with_the_list_of_those_that_exist(capsys):
    assert gate.main(["papers/freezenet", "papers/x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: unknown paper 'papers/x'; there are: papers/fast, papers/freezenet, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "nowhere.json"], "baseline nowhere.json is not there; accept a run first"),
        (["--accept", "why not"], "--accept needs a reason, and --baseline the file to write it to"),
        (["--accept", " ", "--baseline", "new.json"], "--accept needs a reason"),
    ],
)
def test_a_baseline_needs_a_file_and_a_reason(world, arguments, message, capsys):
    assert world.gate(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--accept", "a reason"]])
def test_a_damaged_baseline_is_bad_input_before_anything_is_judged(world, arguments, capsys):
    world.accept()
    text = world.baseline.read_text()
    world.baseline.write_text(text[:-30])
    capsys.readouterr()
    assert world.gate("--baseline", str(world.baseline), *arguments) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "is not whole" in err
    assert world.baseline.read_text() == text[:-30]


def test_a_run_with_numbers_that_are_not_finite_is_never_accepted(world, monkeypatch, capsys):
    found = Numbers(Verdict.REPRODUCED, {"value": [math.inf]}, {}, "")
    monkeypatch.setattr(gate.baseline, "numbers_of", lambda judged, results: found)
    assert world.accept() == 2
    assert "a run with errors cannot be accepted: toy/order, toy/value" in capsys.readouterr().err
    assert not world.baseline.exists()


def test_a_run_with_errors_is_never_accepted(world, capsys):
    nan(world)
    assert world.accept() == 2
    assert "a run with errors cannot be accepted: toy/order, toy/value" in capsys.readouterr().err
    assert not world.baseline.exists()
