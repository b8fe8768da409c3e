"""Builders of results, quantities, checks and claims about the toy paper."""

from common.claims.claim import Claim, Quantity
from common.claims.judge import all_at_once, check_claims
from common.claims.kinds import KINDS
from common.claims.results import Results
from common.experiment import DECLARED, Job, Metrics, Tier
from common.run.record import Record
from tests import conftest

RATES = (0.1, 0.2, 0.3)
ALONG = {"along": "rate", "points": RATES}


def results(numbers, *, validation=None, replicates=DECLARED, errors=(), also=None, seeds=None, curves=None):
    """Return Results of the toy `table` with {(method, rate): [one number a seed]}; None leaves a record out.

    `curves` holds the curve `lost` of each seed in the same way; `also` is a second experiment, `other`, with its own
    numbers; `errors` are cells whose first job failed. `seeds` is the declared number where that is not the number of
    values.
    """
    experiments = {"table": conftest.experiment(seeds=seeds or _most(numbers))}
    records, failed = {}, {}
    if also is not None:
        experiments["other"] = conftest.experiment("other", seeds=_most(also), run=other)
    for run, table in ((conftest.toy, numbers), (other, also or {})):
        for (method, rate), values in table.items():
            for seed, value in enumerate(values):
                job = Job(conftest.procedure(run), conftest.Cell(method, rate), seed)
                if (method, rate) in errors and seed == 0:
                    failed[job] = "RuntimeError: out of luck"
                elif value is not None:
                    score = (validation or {}).get((method, rate), values)[seed]
                    recorded = {"lost": curves[method, rate][seed]} if curves else {}
                    records[job] = Record(Metrics({"score": value, "validation_accuracy": score}, recorded), 1.0, {})
    return Results(conftest.study_of(*experiments.values(), replicates=replicates), records, failed)


def _most(numbers):
    return max(map(len, numbers.values()))


def other(jobs, call):
    """Stand for the run function of a second experiment."""
    return conftest.toy(jobs, call)


def one(values, **fields):
    """Return Results of a single cell."""
    return results({("a", 0.1): values}, **fields)


def pair(above, below, **fields):
    """Return Results of the two cells that an order compares."""
    return results({("a", 0.1): above, ("b", 0.1): below}, **fields)


def row(*columns, **fields):
    """Return Results of method a, one list of seeds for each rate."""
    return results({("a", rate): list(values) for rate, values in zip(RATES, columns, strict=False)}, **fields)


def curves(**of_methods):
    """Return Results in which method a, or b, has recorded these curves, a list for each seed, at rate 0.1."""
    recorded = {(method, 0.1): curves for method, curves in of_methods.items()}
    return results({cell: [0.5] * len(curves) for cell, curves in recorded.items()}, curves=recorded)


def quantity(method="a", rate=0.1, **fields):
    cell = {"method": method} if rate is None else {"method": method, "rate": rate}
    return Quantity(fields.pop("experiment", "table"), fields.pop("metric", "score"), cell, **fields)


def curve(method="a", **fields):
    """Return a quantity that reads the curve `lost`."""
    return quantity(method, metric="lost", curve=True, **fields)


def check(kind, **fields):
    return KINDS[kind](**{"gate": "none", "reason": "a reason", **fields})


def value(**fields):
    return check("value", **{"quantity": quantity(), "expected": 0.5, "margin": 0.02, **fields})


def order(**fields):
    return check("order", **{"above": quantity(), "below": quantity("b"), **fields})


def trend(direction="rising", **fields):
    return check("trend", **{"quantity": quantity(rate=None), "direction": direction, **ALONG, **fields})


def rate(**fields):
    return check("rate", **{"quantity": quantity(), **fields})


def exact(**fields):
    return check("exact", **{"quantity": quantity(), **fields})


def claim(checked=None, unit="ratio", reported=None, name="claim"):
    checks = {} if checked is None else {Tier.SMOKE: checked}
    return Claim(f"toy/{name}", "A toy paper", "Table 9", "a statement", unit, reported, checks, {})


def find(checked, found, **fields):
    """Return what one check finds when its claim is the only one."""
    (judged,) = check_claims([claim(checked, **fields)], found)
    return judged.finding


def judge(checks, found, unit="ratio"):
    """Return the findings of many checks, judged together."""
    return all_at_once(check_claims([claim(c, unit, name=str(i)) for i, c in enumerate(checks)], found))
