"""Step 5: measured numbers against claims, one by one and then all at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import factorial

import numpy as np

from common.errors import UsageError
from common.expectations import Check, Claim
from common.multiplicity import benjamini_hochberg, holm
from common.pipeline.aggregate import Failed, Results
from common.pipeline.kinds import exact, order, rate, trend, value
from common.pipeline.quantity import cells_of, points, require_seeds
from common.pipeline.sample import priors
from common.pipeline.verdict import Finding, Verdict
from common.statistics import ALPHA, Array

LEAST_CORRELATED = 4  # cells; three have six orders, too few to say anything
WATCH = 0.10  # the share of false entries that the list of claims to watch may have

Judge = Callable[[Claim, Check, Results], Finding]


@dataclass(frozen=True)
class Judged:
    """A claim, the check made in this tier, and what it found.

    `adjusted` is the p-value against the claim among all gating claims of the run (Holm), `watch` tells whether the
    claim is on the list to watch (Benjamini and Hochberg).
    """

    claim: Claim
    check: Check
    finding: Finding
    adjusted: float | None = None
    watch: bool = False

    @property
    def blocks(self) -> bool:
        """Tell whether this finding fails the run."""
        verdict = self.finding.verdict
        if self.check.gate == "none" or verdict in (Verdict.NOT_RUN, Verdict.REPRODUCED):
            return False
        if self.check.gate == "reproduced" or verdict is Verdict.ERROR:
            return True
        if self.finding.against is None:  # no chance in it
            return verdict is not Verdict.INCONCLUSIVE
        return self.adjusted is not None and not self.adjusted > ALPHA  # NaN blocks too


def check_claims(claims: Sequence[Claim], results: Results) -> list[Judged]:
    """Judge every claim that has a check in this tier, each by itself."""
    kinds: dict[str, Judge] = {
        "value": partial(value.judge, shared=priors(claims, results)),
        "order": order.judge,
        "trend": trend.judge,
        "rate": rate.judge,
        "exact": exact.judge,
    }
    return [
        Judged(claim, claim.checks[results.tier], judge(claim, claim.checks[results.tier], results, kinds))
        for claim in claims
        if results.tier in claim.checks
    ]


def judge(claim: Claim, check: Check, results: Results, kinds: Mapping[str, Judge]) -> Finding:
    """Judge one claim; missing and unusable numbers are verdicts of their own."""
    if any(quantity.experiment not in results.experiments for quantity in check.quantities):
        return Finding(Verdict.NOT_RUN, "its experiment was not asked for")
    try:
        require_seeds(check, results)
        return _at_scale(kinds[check.kind](claim, check, results), check, results)
    except Failed as failure:
        return Finding(Verdict.ERROR, str(failure))


def _at_scale(finding: Finding, check: Check, results: Results) -> Finding:
    """Let the sentence say where training was shorter than declared."""
    experiments = {quantity.experiment for quantity in check.quantities}
    cells = [cell for name in experiments for cell in results.experiments[name].cells[results.tier]]
    scales = {scale for cell in cells if (scale := getattr(cell, "scale", 1.0)) != 1.0}
    if not scales:
        return finding
    return replace(finding, sentence=f"at {min(scales):g} of the declared length: {finding.sentence}")


def all_at_once(judged: Sequence[Judged]) -> list[Judged]:
    """Return the findings with what holds for all of them together.

    Over the gating claims, Holm's adjustment keeps the chance that any true claim blocks by deviating at 5 %. Over
    all claims, Benjamini and Hochberg's lists what to watch, with at most 10 % of it false.
    """
    tested = [i for i, j in enumerate(judged) if j.finding.against is not None]
    gating = [i for i in tested if judged[i].check.gate != "none"]
    found = list(judged)
    for i, p in zip(gating, holm(_against(judged, gating)), strict=True):
        found[i] = replace(found[i], adjusted=float(p))
    for i, p in zip(tested, benjamini_hochberg(_against(judged, tested)), strict=True):
        found[i] = replace(found[i], watch=bool(p <= WATCH))
    return found


def _against(judged: Sequence[Judged], chosen: Sequence[int]) -> Array:
    return np.array([judged[i].finding.against for i in chosen], dtype=np.float64)


def fails(judged: Sequence[Judged]) -> bool:
    """Tell whether the gate fails: a finding blocks, or no claim was judged at all."""
    return any(j.blocks for j in judged) or all(j.finding.verdict is Verdict.NOT_RUN for j in judged)


def require_fit(claims: Sequence[Claim], declared: Results, file: str) -> None:
    """Raise UsageError where claims and experiments do not fit each other.

    Refused are a check of an experiment, cell or metric that is not declared, one that its seeds can never decide
    although it gates, and an experiment that no claim reads.
    """
    checks = [claim.checks[declared.tier] for claim in claims if declared.tier in claim.checks]
    gating = sum(check.gate != "none" and check.kind != "exact" for check in checks)
    read: set[str] = set()
    for claim in claims:
        check = claim.checks.get(declared.tier)
        if check is None:
            continue
        try:
            _require_declared(check, declared)
            _require_decidable(check, declared, gating)
        except Failed as error:
            raise UsageError(f"{file}:{check.line}: {claim.id}: {error}") from None
        read |= {quantity.experiment for quantity in check.quantities}
    for name, experiment in declared.experiments.items():
        if experiment.cells.get(declared.tier) and name not in read:
            raise UsageError(f"{file}: no claim reads the {declared.tier} experiment '{name}': add one, or drop it")


def _require_declared(check: Check, declared: Results) -> None:
    for quantity in check.quantities:
        if quantity.experiment not in declared.experiments:
            raise Failed(f"unknown experiment '{quantity.experiment}'; there are: {', '.join(declared.experiments)}")
        metrics = declared.experiments[quantity.experiment].metrics
        for metric in (quantity.metric, *([] if quantity.against is None else [quantity.against])):
            if metric not in metrics:
                raise Failed(f"{quantity.experiment} does not measure '{metric}'; it measures {', '.join(metrics)}")
        for point in points(check):
            fitting = len(cells_of(quantity, point, declared))
            if quantity.against is not None and fitting < LEAST_CORRELATED:
                raise Failed(
                    f"{fitting} cells of {quantity.experiment} fit: a correlation takes at least {LEAST_CORRELATED}"
                )
    require_seeds(check, declared)


def _require_decidable(check: Check, declared: Results, gating: int) -> None:
    """Raise Failed for a gate that its seeds can never pass, or never fail."""
    seeds = min(declared.experiments[q.experiment].seeds[declared.tier] for q in check.quantities)
    smallest = _smallest_p(check, seeds)
    if check.gate == "reproduced" and smallest > ALPHA:
        raise Failed(f"{seeds} seeds can never show this claim, so it cannot gate as 'reproduced'")
    if check.gate == "no-deviation" and check.kind != "exact" and smallest > ALPHA / gating:
        raise Failed(
            f"{seeds} seeds can never contradict this claim among {gating} gating ones, so 'no-deviation' would never "
            "fail: gate as 'reproduced' or 'none'"
        )


def _smallest_p(check: Check, seeds: int) -> float:
    """Return the smallest p-value that this many seeds can give a check."""
    if check.kind == "value":
        return 0.0 if seeds > 1 else 1.0
    if check.kind == "order":
        spread = any(q.statistic == "spread" for q in check.quantities)
        return (0.0 if seeds > 2 else 1.0) if spread else 0.5**seeds
    if check.kind == "trend":
        orders = factorial(len(check.points)) ** seeds
        if check.unblocked:
            orders = factorial(len(check.points) * seeds) // factorial(seeds) ** len(check.points)
        return 1.0 / orders if seeds > 1 else 1.0
    if check.kind == "rate":
        rare = check.at_least if check.at_least is not None else 1.0 - (check.at_most or 0.0)
        return float(rare**seeds if check.gate == "reproduced" else len(points(check)) * (1.0 - rare) ** seeds)
    return 0.0
