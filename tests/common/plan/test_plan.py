import re
from dataclasses import replace

import pytest
import torch

from common.experiment import Metrics, Tier
from common.plan import plan, probe
from common.plan.cost import Rate, Speeds
from common.plan.plan import Correction, makespan
from common.run.call import Environment
from common.run.origins import device_of
from common.run.record import Record, Store
from common.run.resume import CHECKPOINTS
from common.train.checkpoint import CheckpointFile
from common.train.state_file import Owner
from tests import conftest

SPEEDS = Speeds(Rate(1.0, 1e9, 10.0, 1e9), Rate(1.0, 1e9, 10.0, 1e9), 1e9, 1e-6)  # a second for a job of the toy


@pytest.fixture
def probed(monkeypatch):
    monkeypatch.setattr(plan, "cached", lambda environment, results: probe.Probe("Abacus 5", "2026-11-21", SPEEDS))
    monkeypatch.setattr(plan, "device_name", lambda device: "Abacus 5")


def rows(text):
    table = {line.split()[0]: re.split(r"\s{2,}", line) for line in text.split("\n\n")[0].splitlines()[2:]}
    return {name: row for name, row in table.items() if not name.startswith("-")}


def finish(package, request, jobs, seconds, device="cpu"):
    store = Store(request.results / "smoke" / package.name)
    store.open()
    for job in jobs:
        where = {"device": device, "machine": {"processor": "Abacus 5"}}
        store.write(job, Record(Metrics({"score": 1.0}), seconds, where))


def test_times_follow_from_the_probe(toy_package, request_for, probed):
    text = plan.plan(request_for(toy_package[0]))
    assert rows(text)["table"] == ["table", "Table 9", "30", "0", "0", "30", "0", "30 s", "the probe"]
    assert rows(text)["total"] == ["total", "30", "0", "30", "0", "30 s"]
    assert "times: one process on Abacus 5, from a probe of Abacus 5 on 2026-11-21" in text


def test_without_a_probe_the_plan_says_what_it_assumes(toy_package, request_for, monkeypatch):
    text = plan.plan(request_for(toy_package[0]))
    assert rows(text)["table"][-1] == "assumed speeds"
    assert "from speeds assumed of any cpu; --plan --probe measures this one in 20 s" in text
    cuda = Environment(torch.device("cuda:99"), request_for().environment.data_dir)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "one process on cuda, from speeds assumed of any cuda" in plan.plan(
        request_for(toy_package[0], environment=cuda)
    )


def test_finished_jobs_of_this_device_correct_their_experiment(toy_package, request_for, probed):
    package = toy_package[0]
    request = request_for(package)
    finish(package, request, package.experiments[0].jobs(Tier.SMOKE)[:10], seconds=3.0)
    text = plan.plan(request)
    assert rows(text)["table"] == ["table", "Table 9", "30", "10", "0", "20", "0", "60 s", "its records"]
    assert rows(text)["total"] == ["total", "30", "10", "20", "0", "60 s"]


def test_finished_jobs_of_another_device_correct_nothing(toy_package, request_for, probed):
    package = toy_package[0]
    request = request_for(package)
    finish(package, request, package.experiments[0].jobs(Tier.SMOKE)[:10], seconds=3.0, device="NVIDIA Slide Rule")
    found = rows(plan.plan(request))
    assert found["table"] == ["table", "Table 9", "30", "10", "0", "20", "0", "20 s", "the probe"]


def test_one_experiment_corrects_no_other(toy_package, request_for, probed):
    package = toy_package[0]
    request = request_for(package)
    another = conftest.experiment("another", rates=(0.4, 0.5))
    both = replace(package, experiments=(*package.experiments, another))
    finish(both, request, package.experiments[0].jobs(Tier.SMOKE), seconds=3.0)
    found = rows(plan.plan(request_for(both)))
    assert found["table"] == ["table", "Table 9", "30", "30", "0", "0", "0", "0 s"]
    assert found["another"] == ["another", "Table 9", "20", "0", "0", "20", "0", "20 s", "the probe"]


def test_a_shared_job_is_planned_once(toy_package, request_for, probed):
    package = toy_package[0]
    twice = replace(package, experiments=(*package.experiments, conftest.experiment("again", rates=(0.1, 0.9))))
    found = rows(plan.plan(request_for(twice)))
    assert found["again"] == ["again", "Table 9", "20", "0", "10", "10", "0", "10 s", "the probe"]
    assert found["total"] == ["total", "40", "0", "40", "0", "40 s"]


def test_several_processes_share_the_rows_and_the_longest_group_bounds_the_total(toy_package, request_for, probed):
    environment = Environment(torch.device("cpu"), request_for().environment.data_dir, workers=3)
    text = plan.plan(request_for(toy_package[0], environment=environment))
    assert rows(text)["table"][-2] == "10 s"
    assert rows(text)["total"][-1] == "20 s", "groups of 20 and 10 jobs"
    assert "times: 3 processes on" in text


def test_the_longest_groups_start_first():
    assert makespan([], 2) == 0.0
    assert makespan([1.0, 5.0, 1.0, 1.0, 1.0], 2) == 5.0
    assert makespan([1.0, 1.0, 1.0, 1.0, 5.0], 2) == 5.0, "in whatever order they are given"
    assert makespan([3.0, 3.0, 2.0, 2.0, 2.0], 2) == 7.0


def test_an_experiment_without_counted_work_takes_as_long_as_it_took():
    assert Correction(4, measured=2.0, predicted=0.0).seconds(0.0) == 0.5
    assert Correction(0, measured=0.0, predicted=0.0).seconds(7.0) == 7.0
    assert Correction(4, measured=2.0, predicted=1.0).seconds(7.0) == 14.0


def test_the_device_of_a_record_has_the_name_that_plans_look_for():
    from common.machine import device_name
    from common.provenance import provenance

    record = Record(Metrics({}), 1.0, provenance() | {"device": "cpu"})
    assert device_of(record) == device_name(torch.device("cpu"))


def leave(package, request, jobs, code=None, device="cpu"):
    """Leave a checkpoint of a group of jobs, and return its file."""
    folder = request.results / "smoke" / package.name / CHECKPOINTS
    folder.mkdir(parents=True, exist_ok=True)
    owner = Owner("toy", code or jobs[0].procedure.code, device, tuple(job.key for job in jobs))
    CheckpointFile(folder, owner, 0.0).begin()
    return folder / owner.name


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_jobs_without_a_record_whose_group_has_a_checkpoint_are_begun(toy_package, request_for, probed):
    package = toy_package[0]
    request = request_for(package)
    jobs = package.experiments[0].jobs(Tier.SMOKE)
    finish(package, request, jobs[:3], seconds=1.0)
    leave(package, request, jobs[:7])
    leave(package, request, jobs[5:8])  # two of them are in the other already
    again = replace(package, experiments=(*package.experiments, conftest.experiment("again", rates=(0.1, 0.9))))
    text = plan.plan(request_for(again))
    assert rows(text)["table"] == ["table", "Table 9", "30", "3", "0", "27", "5", "27 s", "its records"]
    assert rows(text)["again"][3:7] == ["0", "10", "10", "0"]
    assert rows(text)["total"] == ["total", "40", "3", "37", "5", "37 s"]
    assert "jobs that were begun count in full, however far they came" in text
    leave(package, request, jobs[20:])
    assert rows(plan.plan(request))["table"][6] == "15"


def test_checkpoints_that_nothing_goes_on_from_are_not_begun_and_a_plan_leaves_all_files_alone(
    toy_package, request_for, probed, capsys
):
    package = toy_package[0]
    request = request_for(package)
    jobs = package.experiments[0].jobs(Tier.SMOKE)
    finish(package, request, jobs[:2], seconds=1.0)
    Store(request.results / "smoke" / "toy").path(jobs[2]).write_text("half a rec")
    leave(package, request, jobs[:2])  # all recorded
    leave(package, request, jobs[4:6], code="other code")
    leave(package, request, jobs[4:6], device="cuda")
    headless, torn = leave(package, request, jobs[6:8]), leave(package, request, jobs[8:10])
    headless.write_bytes(headless.read_bytes()[:20])
    content = torn.read_bytes()
    assert content.count(rb"{\"mapping\": {}}") == 1
    torn.write_bytes(content.replace(rb"{\"mapping\": {}}", rb"{\"mapping\":{ }}"))
    before = files(request.results)
    assert len(before) == 8
    assert rows(plan.plan(request))["table"][3:7] == ["2", "0", "28", "0"]
    assert files(request.results) == before
    assert capsys.readouterr().err == ""


def test_a_plan_writes_nothing(toy_package, request_for):
    request = request_for(toy_package[0])
    plan.plan(request)
    assert not request.results.exists()
