import pytest
import torch

from common.experiment import Job, Metrics, Tier
from common.run.record import Record
from common.run.together import apart_from_one_run, together
from tests import conftest

CPU = torch.device("cpu")
JOBS = conftest.experiment(seeds=2).jobs(Tier.SMOKE)


def records(*groups, device="cpu"):
    """Return what the jobs of each group recorded."""
    made = Metrics({"score": 1.0, "validation_accuracy": 1.0})
    return {
        job: Record(made, 1.0, {"device": device, "together": together(group)}) for group in groups for job in group
    }


def test_jobs_of_one_run_are_in_the_jobs_of_one_run():
    assert apart_from_one_run(records(JOBS), JOBS, CPU) == []


def test_jobs_of_seeds_that_were_run_apart_are_named():
    apart = [[job for job in JOBS if job.seed == seed] for seed in (0, 1)]
    found = apart_from_one_run(records(*apart), JOBS, CPU)
    assert found == [*apart[0], *apart[1]]


def test_a_job_that_is_not_asked_for_any_more_is_in_no_jobs_of_today():
    assert apart_from_one_run(records(JOBS), JOBS[:-1], CPU) == JOBS


def test_records_of_another_device_are_left_out():
    apart = [JOBS[:1], JOBS[1:]]
    assert apart_from_one_run(records(*apart, device="NVIDIA Slide Rule"), JOBS, CPU) == []


@pytest.mark.parametrize("provenance", [{}, {"device": "cpu"}])
def test_a_record_that_does_not_say_is_not_taken_for_one_of_this_run(provenance):
    record = Record(Metrics({}), 1.0, provenance)
    assert apart_from_one_run({JOBS[0]: record}, JOBS, CPU) == ([JOBS[0]] if provenance else [])


def test_a_report_names_seeds_that_were_run_apart(toy_package, request_for, capsys):
    from common.experiment import Replicates
    from common.reproduce import reproduce

    package, _ = toy_package
    reproduce(request_for(package, replicates=Replicates(count=2)))
    capsys.readouterr()
    assert reproduce(request_for(package)) == 0
    said = "30 of 30 records were trained beside other jobs than in one run of all, such as method=a"
    assert said in capsys.readouterr().out
    report = request_for().results / "smoke" / "toy-report" / "report.md"
    assert "30 of 30 records were trained beside other jobs" in report.read_text()


def test_a_complete_run_says_nothing_of_jobs(toy_package, request_for, capsys):
    from common.reproduce import reproduce

    package, _ = toy_package
    reproduce(request_for(package))
    assert "beside other jobs" not in capsys.readouterr().out


def test_the_name_of_a_jobs_does_not_depend_on_the_procedure():
    twin = conftest.procedure(conftest.reading)
    assert together([Job(twin, job.cell, job.seed) for job in JOBS]) == together(JOBS)
