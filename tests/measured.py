"""What a procedure measures of jobs, held against what it declares."""


def measured(procedure, jobs, call):
    """Run jobs and return what each of them measured, in their order."""
    found = dict(procedure.run(jobs, call))
    for metrics in found.values():
        assert procedure.problem(metrics) == ""
    return [found.pop(job) for job in jobs] + list(found)
