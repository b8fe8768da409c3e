"""Do claims and experiments fit each other? Asked before anything is run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from common.claims.cells import conditions
from common.claims.claim import Check, Claim, Quantity
from common.claims.measure import cells_of, require_paired, where
from common.claims.reading import Point
from common.claims.results import Failed, Results
from common.claims.statistics import ALPHA
from common.claims.words import at_point
from common.errors import UsageError

LEAST_CORRELATED = 4  # cells; three have six orders, too few to say anything


def require_fit(claims: Sequence[Claim], declared: Results, file: str) -> None:
    """Raise UsageError with file, line and column where claims and experiments do not fit each other.

    Refused are a check of an experiment, cell or metric that is not declared, one that compares a number with itself,
    one that its seeds can never decide although it gates, and an experiment that no claim reads.
    """
    checks = [claim.checks[declared.tier] for claim in claims if declared.tier in claim.checks]
    gating = sum(check.gate != "none" and check.kind != "exact" for check in checks)
    read: set[str] = set()
    for claim in claims:
        check = claim.checks.get(declared.tier)
        if check is None:
            continue
        for quantity in check.quantities:
            with _at(quantity, claim, file):
                _require_declared(quantity, check, declared)
        for side in check.sides.values():
            with _at(side, claim, file):
                _require_unit(side, claim.unit, declared)
        with _at(check, claim, file):
            _require_difference(check, declared)
            require_paired(check, declared)
            _require_decidable(check, declared, gating)
        read |= {quantity.experiment for quantity in check.quantities}
    for name, experiment in declared.experiments.items():
        if experiment.grid(declared.tier).cells and name not in read:
            place = f"{file}:{claims[0].line}:{claims[0].column}"
            raise UsageError(f"{place}: no claim reads the {declared.tier} experiment '{name}': add one, or drop it")


@contextmanager
def _at(node: Check | Quantity, claim: Claim, file: str) -> Iterator[None]:
    """Let a failure name the place of a check, or of one of its quantities."""
    try:
        yield
    except Failed as error:
        raise UsageError(f"{file}:{node.line}:{node.column}: {claim.id}: {error}") from None


def _require_declared(quantity: Quantity, check: Check, declared: Results) -> None:
    if quantity.experiment not in declared.experiments:
        raise Failed(f"unknown experiment '{quantity.experiment}'; there are: {', '.join(declared.experiments)}")
    metrics = declared.experiments[quantity.experiment].procedure.metrics
    for metric in (quantity.metric, quantity.against):
        if metric is not None and metric not in metrics and not quantity.curve:
            raise Failed(f"{quantity.experiment} does not measure '{metric}'; it measures {', '.join(metrics)}")
    for point in check.conditions:
        fitting = len(cells_of(quantity, point, declared))
        if quantity.against is not None and fitting < LEAST_CORRELATED:
            condition = where(quantity, point)
            why = "" if fitting else f": {declared.misfit(quantity.experiment, condition)}"
            raise Failed(
                f"{fitting} cells of {quantity.experiment} ({declared.tier}) fit {conditions(condition)}; "
                f"a correlation takes at least {LEAST_CORRELATED}{why}"
            )


def _require_unit(quantity: Quantity, unit: str, declared: Results) -> None:
    """Raise Failed where a claim in a unit of its own reads a metric in another; quotients and ranks have their own."""
    if quantity.divided_by is not None or quantity.against is not None or unit in ("ratio", "none"):
        return
    if quantity.curve:  # procedures declare their scalars alone
        return
    metric = declared.experiments[quantity.experiment].procedure.metrics[quantity.metric]
    if metric.unit != unit:
        raise Failed(
            f"the claim is in '{unit}', but {quantity.experiment} measures {quantity.metric} in '{metric.unit}'"
        )


def _require_difference(check: Check, declared: Results) -> None:
    """Raise Failed where what is compared is the same number."""
    for point in check.conditions:
        sides = [_read(side, point, declared) for side in check.sides.values()]
        if len(sides) == 2 and sides[0] == sides[1]:
            raise Failed(f"{at_point(point)}'above' and 'below' are the same")
        for quantity in check.quantities:
            alone = _read(replace(quantity, minus=None, divided_by=None, statistic="values"), point, declared)
            if quantity.minus is not None and _read(quantity.minus, point, declared) == alone:
                raise Failed(f"{at_point(point)}a quantity minus itself is always 0")
            divisor = quantity.divided_by
            if quantity.minus is None and divisor is not None and _read(divisor, point, declared) == alone:
                raise Failed(f"{at_point(point)}a quantity divided by itself is always 1")


def _read(quantity: Quantity, point: Point, declared: Results) -> tuple[object, ...]:
    """Return what a quantity reads at a point, by whatever condition it names it."""
    parts = [None if q is None else _read(q, point, declared) for q in (quantity.minus, quantity.divided_by)]
    procedure, cells = declared.experiments[quantity.experiment].procedure, cells_of(quantity, point, declared)
    return procedure, cells, quantity.metric, quantity.curve, quantity.against, quantity.statistic, *parts


def _require_decidable(check: Check, declared: Results, gating: int) -> None:
    """Raise Failed for a gate that its seeds can never pass, or never fail."""
    seeds = min(declared.grid(q.experiment).seeds for q in check.quantities)
    smallest = check.smallest_p(seeds)
    if check.gate == "reproduced" and smallest > ALPHA:
        raise Failed(f"{seeds} seeds can never show this claim, so it cannot gate as 'reproduced'")
    if check.gate == "no-deviation" and check.kind != "exact" and smallest > ALPHA / gating:
        raise Failed(
            f"{seeds} seeds can never contradict this claim among {gating} gating ones, so 'no-deviation' would never "
            "fail: gate as 'reproduced' or 'none'"
        )
