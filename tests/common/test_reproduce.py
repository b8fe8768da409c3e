import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import UsageError
from common.experiment import Metrics, Replicates
from common.reproduce import reproduce
from tests import conftest


def claim_about(experiment, rate, tier="smoke", other="full"):
    """Return one more claim for the toy's expectations file, with a check in one tier."""
    return f"""
  - id: toy/{experiment}
    source: Table 9
    statement: a scores at all
    unit: fraction
    {tier}:
      kind: exact
      gate: none
      reason: it always does
      quantity: {{experiment: {experiment}, metric: score, cell: {{method: a, rate: {rate}}}}}
      at_least: 0.1
    {other}: {{untestable: not here}}
"""


def records(request):
    return sorted((request.results / "smoke" / "toy").glob("*.json"))


def test_everything_from_declaration_to_exit_code(toy_package, request_for, capsys):
    package, _ = toy_package
    request = request_for(package)
    assert reproduce(request) == 0
    out = capsys.readouterr().out
    assert "3 claims declared = 2 decided + 0 undecidable + 1 untestable in smoke + 0 not run" in out
    assert "gate: passes, none of 2 gating claims fails" in out
    assert len(records(request)) == 2 * 3 * 5
    report = json.loads((request.results / "smoke" / "toy-report" / "report.json").read_text())
    assert {claim["id"]: claim["verdict"] for claim in report["claims"]} == {
        "toy/order": "reproduced",
        "toy/value": "reproduced",
    }
    assert "toy/never" in (request.results / "smoke" / "toy-report" / "report.md").read_text()


def test_a_second_run_recomputes_nothing_and_says_so(toy_package, request_for, capsys):
    package, _ = toy_package
    reproduce(request_for(package))
    before = {path: path.read_bytes() for path in records(request_for())}
    conftest.CALLS.clear()
    assert reproduce(request_for(package)) == 0
    assert conftest.CALLS == []
    assert "30 jobs, 30 already done" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in records(request_for())}


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "foreign", "other job"])
def test_a_corrupt_record_is_named_set_aside_and_run_again(toy_package, request_for, capsys, damage):
    package, _ = toy_package
    request = request_for(package)
    reproduce(request)
    first, second = records(request)[:2]
    good = first.read_text()
    bad = {
        "truncate": good[: len(good) // 2],
        "flip": good.replace('"score": 0.', '"score": 1.', 1),
        "empty": "",
        "foreign": "[1, 2]",
        "other job": second.read_text(),
    }[damage]
    first.write_text(bad)
    conftest.CALLS.clear()
    assert reproduce(request) == 0
    assert len(conftest.CALLS) == 1
    assert json.loads(first.read_text())["scalars"] == json.loads(good)["scalars"]
    assert first.with_suffix(".corrupt").read_text() == bad
    assert first.name in capsys.readouterr().err


@pytest.mark.parametrize("damage", [lambda good: good[: len(good) // 2], lambda good: good.replace("0.", "1.", 1)])
def test_what_only_judges_says_which_record_is_damaged_and_leaves_it(toy_package, request_for, capsys, damage):
    package, _ = toy_package
    reproduce(request_for(package))
    first = next(path for path in records(request_for()) if json.loads(path.read_text())["cell"]["rate"] == 0.1)
    first.write_text(damage(first.read_text()))
    before = {path: path.read_bytes() for path in first.parent.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert reproduce(request_for(package, train=False)) == 1
    captured = capsys.readouterr()
    assert f"({first.stem}) is damaged (" in " ".join(captured.out.split())
    assert "run it again" in captured.out
    assert captured.err == ""
    assert {path: path.read_bytes() for path in first.parent.rglob("*") if path.is_file()} == before


def test_a_record_that_cannot_be_read_ends_a_report_and_is_left_alone(toy_package, request_for, monkeypatch):
    package, _ = toy_package
    reproduce(request_for(package))
    first, real = records(request_for())[0], Path.read_bytes

    def read_bytes(self):
        if self == first:
            raise OSError(5, "Input/output error")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    for train in (False, True):
        with pytest.raises(UsageError, match=f"^{first} cannot be read: Input/output error; it is left as it is$"):
            reproduce(request_for(package, train=train))
    assert len(records(request_for())) == 30


def test_a_failing_job_is_an_error_with_its_name_and_takes_no_other_down(toy_package, request_for, capsys):
    package, _ = toy_package
    conftest.BROKEN.add(("b", 3))
    request = request_for(package)
    assert reproduce(request) == 1
    captured = capsys.readouterr()
    assert len(records(request)) == 30 - 3
    assert "broken on purpose" in captured.out
    assert "method=b, rate=0.1, setting=toy, seed 3" in captured.err
    assert "error" in captured.out
    conftest.BROKEN.clear()
    conftest.CALLS.clear()
    assert reproduce(request) == 0
    assert len(conftest.CALLS) == 3


def diverging(jobs, environment):
    for job in jobs:
        yield job, Metrics({"score": float("nan") if job.seed == 2 else 0.5, "validation_accuracy": 0.5})


def test_a_diverged_job_is_an_error_verdict_and_a_finished_job(toy_package, request_for, monkeypatch, capsys):
    package, _ = toy_package

    broken = conftest.experiment(run=diverging)
    package = type(package)("toy", (broken,), package.figures)
    assert reproduce(request_for(package)) == 1
    assert "diverged: score is nan" in capsys.readouterr().out
    assert len(records(request_for())) == 30


def interrupted(jobs, environment):
    for i, measured in enumerate(conftest.toy(jobs, environment)):
        if i == 7:
            raise KeyboardInterrupt
        yield measured


def test_an_interrupted_run_keeps_what_is_done(toy_package, request_for, monkeypatch):
    package, _ = toy_package

    stopped = conftest.experiment(run=interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce(request_for(type(package)("toy", (stopped,), package.figures)))
    assert len(records(request_for())) == 7


def test_only_what_was_asked_for_is_run_and_the_rest_counts_as_not_run(toy_package, request_for, capsys):
    package, path = toy_package
    path.write_text(path.read_text() + claim_about("other", 0.5))
    other = conftest.experiment("other", rates=(0.5,))
    package = type(package)("toy", (*package.experiments, other), package.figures)
    assert reproduce(request_for(package, only=("other",))) == 0
    assert len(records(request_for())) == 10
    assert (
        "4 claims declared = 1 decided + 0 undecidable + 1 untestable in smoke + 2 not run" in capsys.readouterr().out
    )


def test_a_run_of_which_nothing_can_be_judged_fails(toy_package, request_for, capsys):
    package, path = toy_package
    path.write_text(path.read_text() + claim_about("other", 0.5, tier="full", other="smoke"))
    nothing = conftest.experiment("other", rates=())
    package = type(package)("toy", (*package.experiments, nothing), package.figures)
    assert reproduce(request_for(package, only=("other",))) == 1
    out = capsys.readouterr().out
    assert "0 decided + 0 undecidable + 2 untestable in smoke + 2 not run" in out
    assert "gate: FAILS, for nothing was judged" in out


def test_shared_jobs_run_once(toy_package, request_for):
    package, path = toy_package
    path.write_text(path.read_text() + claim_about("twin", 0.1))
    twin = conftest.experiment("twin")
    reproduce(request_for(type(package)("toy", (*package.experiments, twin), package.figures)))
    assert len(conftest.CALLS) == 30


def test_a_folder_that_cannot_be_written_is_refused(toy_package, request_for, tmp_path):
    package, _ = toy_package
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        reproduce(request_for(package, results=blocked))
    assert conftest.CALLS == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("table, metric: score, cell: {method: a, r", "tabel, metric: score, cell: {method: a, r"),
         r"expectations\.yaml:27:17: toy/value: unknown experiment 'tabel'"),
        (("{method: a, rate: 0.1}", "{method: c, rate: 0.1}"), "0 cells of table .* fit method = c"),
        (("{method: a, rate: 0.1}", "{method: a}"), "3 cells of table .* fit method = a"),
        (("metric: score, cell: {method: a, rate", "metric: scores, cell: {method: a, rate"), "does not measure"),
    ],
)  # fmt: skip
def test_a_claim_about_what_does_not_exist_is_refused_before_anything_runs(toy_package, request_for, change, message):
    package, path = toy_package
    assert path.read_text().count(change[0]) == 1
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(UsageError, match=message):
        reproduce(request_for(package))
    assert conftest.CALLS == []
    assert not request_for().results.exists()


def test_a_gate_that_cannot_be_decided_is_refused_before_anything_runs(toy_package, request_for):
    package, path = toy_package
    few = type(package)("toy", (conftest.experiment(seeds=4),), package.figures)
    place = rf"^{path.parent.name}/expectations\.yaml:10:7: toy/order: 4 seeds can never show this claim"
    with pytest.raises(UsageError, match=place):
        reproduce(request_for(few))
    assert conftest.CALLS == []


def test_an_experiment_that_no_claim_reads_is_refused_before_anything_runs(toy_package, request_for):
    package, _ = toy_package
    more = type(package)("toy", (*package.experiments, conftest.experiment("other")), package.figures)
    with pytest.raises(UsageError, match="no claim reads the smoke experiment 'other'"):
        reproduce(request_for(more, only=("table",)))
    assert conftest.CALLS == []


def test_fewer_seeds_than_declared_run_and_are_shown_but_decide_nothing(toy_package, request_for, capsys):
    package, _ = toy_package
    assert reproduce(request_for(package, replicates=Replicates(count=2))) == 1
    out = capsys.readouterr().out
    assert "too few seeds (2 of 5 declared): ours 80.05 % ± 0.07 points (2 seeds), paper 80.00 %" in out
    assert "gate: FAILS on toy/order, toy/value" in out
    assert len(records(request_for())) == 2 * 3 * 2


def test_more_seeds_than_declared_can_be_asked_for(toy_package, request_for, capsys):
    package, _ = toy_package
    assert reproduce(request_for(package, replicates=Replicates(count=7))) == 0
    assert "(7 paired seeds, p = 0.008)" in capsys.readouterr().out


def test_records_can_be_judged_again_without_training(toy_package, request_for, capsys):
    package, _ = toy_package
    assert reproduce(request_for(package)) == 0
    conftest.CALLS.clear()
    first = capsys.readouterr().out
    assert reproduce(request_for(package, train=False)) == 0
    assert capsys.readouterr().out == first
    next(path for path in records(request_for()) if json.loads(path.read_text())["cell"]["rate"] == 0.1).unlink()
    assert reproduce(request_for(package, train=False)) == 1
    assert "has no record; run it first" in capsys.readouterr().out
    assert conftest.CALLS == []


def test_a_record_of_other_code_is_called_so_where_it_is_judged(toy_package, request_for, capsys, monkeypatch):
    package, _ = toy_package
    assert reproduce(request_for(package)) == 0
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "mended")
    capsys.readouterr()
    assert reproduce(request_for(package, train=False)) == 1
    assert "is of other code; a run makes it anew" in capsys.readouterr().out


def test_fresh_seeds_leave_the_declared_ones_alone(toy_package, request_for):
    package, _ = toy_package
    reproduce(request_for(package, replicates=Replicates(first=5)))
    assert sorted({call.rsplit("/")[-1] for call in conftest.CALLS}) == ["5", "6", "7", "8", "9"]
    reproduce(request_for(package))
    assert len(records(request_for())) == 60


def test_progress_is_lines_where_there_is_no_terminal():
    code = (
        "from common.run.run import Progress\n"
        "with Progress(2, 2.0) as progress:\n progress.advance(1.0); progress.advance(1.0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["2 of 2 jobs in 0 s, done"]


def withholding(jobs, environment):
    for job in jobs:
        if job.cell.method == "a":
            yield job, Metrics({"validation_accuracy": 0.5}, withheld={"score": "training accuracy ended at 12.00 %"})
        else:
            yield job, Metrics({"score": 0.5, "validation_accuracy": 0.5})


def test_a_withheld_number_makes_its_claims_errors_with_the_reason(toy_package, request_for, monkeypatch, capsys):
    package, _ = toy_package

    (experiment,) = package.experiments
    package = replace(package, experiments=(replace(experiment, procedure=conftest.procedure(withholding)),))
    for _ in range(2):  # the second time from the records
        assert reproduce(request_for(package)) == 1
        assert "training accuracy ended at 12.00 %" in capsys.readouterr().out
