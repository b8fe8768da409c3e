import pytest
import torch

from common.experiment import Job, Metrics, Tier
from common.run.record import Record
from common.run.run import together
from common.run.together import in_other_company, mention
from common.work import Work
from tests import conftest

CPU = torch.device("cpu")
JOBS = conftest.experiment(seeds=2).jobs(Tier.SMOKE)
WORK = {job.key: Work() for job in JOBS}


def records(*groups, device="cpu"):
    """Return what the jobs of each group recorded."""
    made = Metrics({"score": 1.0, "validation_accuracy": 1.0})
    return {
        job: Record(made, 1.0, {"device": device, "together": together(group)}) for group in groups for job in group
    }


def test_jobs_of_one_run_are_in_the_company_of_one_run():
    assert in_other_company(records(JOBS), JOBS, WORK, CPU) == []
    assert mention([], 12) == ""


def test_jobs_of_seeds_that_were_run_apart_are_named():
    apart = [[job for job in JOBS if job.seed == seed] for seed in (0, 1)]
    found = in_other_company(records(*apart), JOBS, WORK, CPU)
    assert found == [*apart[0], *apart[1]]
    sentence = mention(found, 12)
    assert sentence.startswith(
        "12 of 12 records were trained beside other jobs than in one run of all, such as method=a"
    )


def test_a_job_that_is_not_asked_for_any_more_is_in_no_company_of_today():
    assert in_other_company(records(JOBS), JOBS[:-1], WORK, CPU) == JOBS


def test_records_of_another_device_are_left_out():
    apart = [JOBS[:1], JOBS[1:]]
    assert in_other_company(records(*apart, device="NVIDIA Slide Rule"), JOBS, WORK, CPU) == []


@pytest.mark.parametrize("provenance", [{}, {"device": "cpu"}])
def test_a_record_that_does_not_say_is_not_taken_for_one_of_this_run(provenance):
    record = Record(Metrics({}), 1.0, provenance)
    assert in_other_company({JOBS[0]: record}, JOBS, WORK, CPU) == ([JOBS[0]] if provenance else [])


def test_a_report_names_seeds_that_were_run_apart(toy_package, request_for, capsys):
    from common.experiment import Replicates
    from common.reproduce import reproduce

    package, _ = toy_package
    reproduce(package, request_for(replicates=Replicates(count=2)))
    capsys.readouterr()
    assert reproduce(package, request_for()) == 0
    assert "30 of 30 records were trained beside other jobs than in one run of all" in capsys.readouterr().out
    report = request_for().results / "smoke" / "toy-report" / "report.md"
    assert "30 of 30 records were trained beside other jobs" in report.read_text()


def test_a_complete_run_says_nothing_of_company(toy_package, request_for, capsys):
    from common.reproduce import reproduce

    package, _ = toy_package
    reproduce(package, request_for())
    assert "beside other jobs" not in capsys.readouterr().out


def test_the_name_of_a_company_does_not_depend_on_the_procedure():
    twin = conftest.procedure(conftest.reading)
    assert together([Job(twin, job.cell, job.seed) for job in JOBS]) == together(JOBS)
