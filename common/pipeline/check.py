"""Step 5: measured numbers against claims. Every check returns a verdict and a sentence, never a bare bool."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from common import statistics
from common.errors import UsageError
from common.expectations import Check, Claim, Quantity
from common.pipeline.aggregate import Array, Failed, NotRun, Results
from common.strict_yaml import Scalar

ALPHA = 0.05


class Verdict(StrEnum):
    """What a check found."""

    REPRODUCED = "reproduced"
    DEVIATES_LOW = "deviates-low"
    DEVIATES_HIGH = "deviates-high"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    NOT_RUN = "not-run"


@dataclass(frozen=True)
class Finding:
    """A verdict, one plain sentence, and our numbers where there is one quantity: mean, spread, seeds."""

    verdict: Verdict
    sentence: str
    ours: float | None = None
    spread: float | None = None
    seeds: int | None = None


@dataclass(frozen=True)
class Judged:
    """A claim, the check made in this tier, and what it found."""

    claim: Claim
    check: Check
    finding: Finding

    @property
    def blocks(self) -> bool:
        """Tell whether this finding fails the run."""
        verdict = self.finding.verdict
        if self.check.gate == "none" or verdict is Verdict.NOT_RUN:
            return False
        if self.check.gate == "reproduced":
            return verdict is not Verdict.REPRODUCED
        return verdict in (Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH, Verdict.ERROR)


def check_claims(claims: Sequence[Claim], results: Results) -> list[Judged]:
    """Judge every claim that has a check in this tier."""
    return [
        Judged(claim, claim.checks[results.tier], judge(claim, claim.checks[results.tier], results))
        for claim in claims
        if results.tier in claim.checks
    ]


def judge(claim: Claim, check: Check, results: Results) -> Finding:
    """Judge one claim; missing and unusable numbers are verdicts of their own."""
    try:
        if any(quantity.experiment not in results.experiments for quantity in check.quantities):
            return Finding(Verdict.NOT_RUN, "its experiment was not asked for")
        _require_pairs(check, results)
        return _KINDS[check.kind](claim, check, results)
    except NotRun as missing:
        return Finding(Verdict.NOT_RUN, str(missing))
    except Failed as failure:
        return Finding(Verdict.ERROR, str(failure))


def _require_pairs(check: Check, results: Results) -> None:
    """Raise Failed where a check compares experiments with different numbers of seeds."""
    seeds = {q.experiment: len(results.seeds(q.experiment)) for q in check.quantities}
    if len(set(seeds.values())) > 1:
        counts = ", ".join(f"{name} has {count}" for name, count in sorted(seeds.items()))
        raise Failed(f"seeds cannot be paired: {counts}; declare the same number for each")


def require_fit(claims: Sequence[Claim], results: Results, file: str) -> None:
    """Raise UsageError where a check names an experiment, cell or field that is not declared."""
    for claim in claims:
        check = claim.checks.get(results.tier)
        for quantity in check.quantities if check else ():
            if quantity.experiment not in results.experiments:
                known = ", ".join(results.experiments)
                raise UsageError(
                    f"{file}:{claim.line}: {claim.id} names the unknown experiment "
                    f"'{quantity.experiment}'; there are: {known}"
                )
            metrics = results.experiments[quantity.experiment].metrics
            if quantity.metric not in metrics:
                raise UsageError(
                    f"{file}:{claim.line}: {claim.id} names the metric '{quantity.metric}', which "
                    f"{quantity.experiment} does not measure; it measures {', '.join(metrics)}"
                )
            for point in points(check) if check else ():
                try:
                    results.cell(quantity.experiment, where(quantity, point))
                except Failed as error:
                    raise UsageError(f"{file}:{claim.line}: {claim.id}: {error}") from None


def points(check: Check) -> list[dict[str, Scalar]]:
    """Return the conditions of the points along which a check is made; one empty condition without them."""
    return [{check.along: point} for point in check.points] if check.along else [{}]


def where(quantity: Quantity, point: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return a quantity's condition at a point; what the quantity says itself comes first."""
    return {**point, **quantity.cell}


def measured(quantity: Quantity | float | None, point: Mapping[str, Scalar], results: Results) -> Array:
    """Return a quantity's numbers, [seeds]; a plain number gives an array of one."""
    if quantity is None or isinstance(quantity, float):
        return np.array([quantity], dtype=np.float64)
    condition = where(quantity, point)
    values = results.values(quantity.experiment, condition, quantity.metric)
    if quantity.minus is not None:
        values = values - measured(quantity.minus, point, results)
    if quantity.divided_by is not None:
        values = _ratio(values, measured(quantity.divided_by, point, results))
    if quantity.statistic == "best":
        score = results.values(quantity.experiment, condition, "validation_accuracy")
        values = values[[int(score.argmax())]]
    if quantity.statistic == "deviation":
        values = np.abs(values - np.median(values))
    return values


def _ratio(values: Array, base: Array) -> Array:
    if (base == 0).any():
        raise Failed("a quantity is divided by zero")
    return values / base


def _exact(claim: Claim, check: Check, results: Results) -> Finding:
    values = np.concatenate([measured(check.quantity, point, results) for point in points(check)])
    low = check.at_least if check.equals is None else check.equals
    high = check.at_most if check.equals is None else check.equals
    worst, verdict = float(values.max()), Verdict.REPRODUCED
    if low is not None and values.min() < low:
        worst, verdict = float(values.min()), Verdict.DEVIATES_LOW
    elif high is not None and values.max() > high:
        verdict = Verdict.DEVIATES_HIGH
    elif high is None:
        worst = float(values.min())
    relation = "exactly" if check.equals is not None else "at least" if high is None else "at most"
    bound = low if low is not None else high or 0.0
    sentence = f"{show(worst, claim)} where {relation} {show(bound, claim)} is claimed: {verdict}."
    return _finding(verdict, sentence, values)


def _value(claim: Claim, check: Check, results: Results) -> Finding:
    found = [_value_at(claim, check, point, results) for point in points(check)]
    return worst_of(found)


def _value_at(claim: Claim, check: Check, point: Mapping[str, Scalar], results: Results) -> Finding:
    values = measured(check.quantity, point, results)
    reported, margin = claim.reported, check.margin or 0.0
    at = at_point(point)
    if check.expected is not None:
        expected, spread, seeds, resolution = check.expected, None, None, 0.0
    else:
        assert reported is not None
        expected, spread = reported.mean, reported.spread
        seeds, resolution = reported.seeds, reported.resolution
    if len(values) < 2:
        sentence = f"{at}one number, {show(values[0], claim)}, against {show(expected, claim)}: no interval from one"
        return _finding(Verdict.INCONCLUSIVE, sentence + " seed: inconclusive.", values)
    interval = statistics.difference(values, expected, spread, seeds, resolution)
    if -margin <= interval.low and interval.high <= margin:
        verdict, relation = Verdict.REPRODUCED, "inside"
    elif interval.high < -margin:
        verdict, relation = Verdict.DEVIATES_LOW, "below"
    elif interval.low > margin:
        verdict, relation = Verdict.DEVIATES_HIGH, "above"
    else:
        verdict, relation = Verdict.INCONCLUSIVE, "not decided by"
    sentence = (
        f"{at}ours {show(values.mean(), claim)} ± {show(values.std(ddof=1), claim)} ({len(values)} seeds), "
        f"expected {show(expected, claim)}; difference {show(interval.estimate, claim)}, 90 % interval "
        f"{show(interval.low, claim)} to {show(interval.high, claim)}, {relation} ±{show(margin, claim)}: {verdict}."
    )
    return _finding(verdict, sentence, values)


def _order(claim: Claim, check: Check, results: Results) -> Finding:
    return worst_of([_order_at(claim, check, point, results) for point in points(check)])


def _order_at(claim: Claim, check: Check, point: Mapping[str, Scalar], results: Results) -> Finding:
    above, below = measured(check.above, point, results), measured(check.below, point, results)
    differences = above - below
    n = len(differences)
    holds = statistics.sign_flip(differences, check.least_gap)
    fails = statistics.sign_flip(-differences, -check.least_gap)
    if holds <= ALPHA:
        verdict = Verdict.REPRODUCED
    elif fails <= ALPHA:
        verdict = Verdict.DEVIATES_LOW
    else:
        verdict = Verdict.INCONCLUSIVE
    tail = "" if 0.5**n <= ALPHA else f" ({n} seeds cannot decide an order; 5 are the least)"
    sentence = (
        f"{at_point(point)}{show(above.mean(), claim)} against {show(below.mean(), claim)}, gap "
        f"{show(differences.mean(), claim)} ({n} paired seeds, p = {holds:.3f}) where more than "
        f"{show(check.least_gap, claim)} is claimed: {verdict}{tail}."
    )
    return _finding(verdict, sentence, differences)


def _trend(claim: Claim, check: Check, results: Results) -> Finding:
    table = np.stack([measured(check.quantity, point, results) for point in points(check)], axis=1)
    means = ", ".join(show(mean, claim) for mean in table.mean(axis=0))
    if len(table) < 2:
        sentence = f"{means} along {check.along}: no trend from one seed: inconclusive."
        return _finding(Verdict.INCONCLUSIVE, sentence, table[:, -1] - table[:, 0])
    ordered = table if check.direction == "rising" else table[:, ::-1]
    holds, fails = statistics.page_trend(ordered), statistics.page_trend(ordered[:, ::-1])
    verdict = Verdict.INCONCLUSIVE
    if holds <= ALPHA:
        verdict = Verdict.REPRODUCED
    elif fails <= ALPHA:
        verdict = Verdict.DEVIATES_LOW if check.direction == "rising" else Verdict.DEVIATES_HIGH
    sentence = f"{means} along {check.along} ({len(table)} seeds, p = {holds:.3f}), {check.direction}: {verdict}."
    return _finding(verdict, sentence, table[:, -1] - table[:, 0])


def _rate(claim: Claim, check: Check, results: Results) -> Finding:
    return worst_of([_rate_at(check, point, results) for point in points(check)])


def _rate_at(check: Check, point: Mapping[str, Scalar], results: Results) -> Finding:
    values = measured(check.quantity, point, results)
    hits = values < check.event_below if check.event_below is not None else values > (check.event_above or 0.0)
    events, n = int(hits.sum()), len(hits)
    low, high = statistics.binomial_bounds(events, n)
    if check.at_least is not None:
        holds, fails, wanted = low >= check.at_least, high < check.at_least, f"at least {check.at_least:.0%}"
        wrong = Verdict.DEVIATES_LOW
    else:
        limit = check.at_most if check.at_most is not None else 0.0
        holds, fails, wanted = high <= limit, low > limit, f"at most {limit:.0%}"
        wrong = Verdict.DEVIATES_HIGH
    verdict = Verdict.REPRODUCED if holds else wrong if fails else Verdict.INCONCLUSIVE
    sentence = (
        f"{at_point(point)}{events} of {n} seeds (90 % interval {low:.0%} to {high:.0%}) where {wanted} "
        f"is claimed: {verdict}."
    )
    return _finding(verdict, sentence, hits.astype(np.float64))


_KINDS: dict[str, Callable[[Claim, Check, Results], Finding]] = {
    "value": _value,
    "order": _order,
    "trend": _trend,
    "rate": _rate,
    "exact": _exact,
}

_SEVERITY = (Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH, Verdict.INCONCLUSIVE, Verdict.REPRODUCED)


def worst_of(findings: Sequence[Finding]) -> Finding:
    """Return the finding of the worst point; a claim over a range holds only where all its points do."""
    worst = min(findings, key=lambda finding: _SEVERITY.index(finding.verdict))
    if len(findings) > 1:
        held = sum(finding.verdict is Verdict.REPRODUCED for finding in findings)
        worst = replace(worst, sentence=f"{held} of {len(findings)} points hold; worst: {worst.sentence}")
    return worst


def _finding(verdict: Verdict, sentence: str, values: Array) -> Finding:
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    return Finding(verdict, sentence, float(values.mean()), spread, len(values))


def at_point(point: Mapping[str, Scalar]) -> str:
    """Return a point as the beginning of a sentence."""
    return "".join(f"at {name} = {value}: " for name, value in point.items())


def show(value: float, claim: Claim) -> str:
    """Return a number as people read it in the claim's unit."""
    return f"{100 * value:.2f} %" if claim.unit == "fraction" else number(value)


def number(value: float | None) -> str:
    """Return a number without needless digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
