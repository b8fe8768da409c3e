"""What a value check says: ours, theirs, and how far they lie apart, in the words of its band."""

from common.claims.claim import Claim
from common.claims.expectation import Test
from common.claims.statistics import spread, tidy
from common.claims.verdict import Verdict
from common.claims.words import number, show, show_gap


def within_margin(claim: Claim, test: Test, theirs: str, margin: float, verdict: Verdict) -> str:
    """Return the sentence about a margin."""
    low, high = test.interval()
    relation = {Verdict.REPRODUCED: "inside", Verdict.DEVIATES_LOW: "below", Verdict.DEVIATES_HIGH: "above"}
    ends = [show_gap(end, claim, low, high, -margin, margin) for end in (low, high)]
    return (
        f"{_ours(claim, test)}, {theirs}; {_difference(claim, test)}, "
        f"90 % interval {ends[0]} to {ends[1]}, {relation.get(verdict, 'not decided by')} "
        f"±{show_gap(margin, claim, low, high, -low, -high)}: {verdict}"
    )


def within_factor(claim: Claim, test: Test, theirs: str, factor: float, verdict: Verdict) -> str:
    """Return the sentence about a factor either way."""
    low, high = test.interval()
    relation = {
        Verdict.REPRODUCED: "within",
        Verdict.DEVIATES_LOW: "lower by more than",
        Verdict.DEVIATES_HIGH: "higher by more than",
    }
    bounds = (low, high, 1.0 / factor, factor)
    return (
        f"{_ours(claim, test)}, {theirs}; ratio {number(tidy(test.sample.mean / test.expected))}, 90 % interval "
        f"{number(tidy(low), *bounds)} to {number(tidy(high), *bounds)}, {relation.get(verdict, 'not decided by')} "
        f"a factor of {number(factor)}: {verdict}"
    )


def within_scatter(claim: Claim, test: Test, theirs: str, verdict: Verdict) -> str:
    """Return the sentence about the paper's scatter."""
    low, high = (tidy(end) for end in test.in_unit(*test.bounds))
    gap = tidy(test.sample.mean - test.expected)
    relation = {Verdict.CONSISTENT: "inside", Verdict.DEVIATES_LOW: "below", Verdict.DEVIATES_HIGH: "above"}
    return (
        f"{_ours(claim, test)}, {theirs}; {_difference(claim, test)}, {relation.get(verdict, 'not decided by')} "
        f"{show_gap(low, claim, gap)} to {show_gap(high, claim, gap)}, where the paper's scatter lets one expect it "
        f"(95 % prediction interval): {verdict}"
    )


def _ours(claim: Claim, test: Test) -> str:
    """Return our mean, how far our seeds lie apart, and how many there are."""
    sample = test.sample
    mean, count = show(tidy(sample.mean), claim, test.expected), len(sample.values)
    if count == 1:
        return f"ours {mean} (1 seed)"
    best = ", the best run by validation" if sample.chosen is not None else ""
    kind = ", the geometric mean" if sample.scale == "log" and not best else ""
    return f"ours {mean} ± {show_gap(tidy(spread(sample.values)), claim)} ({count} seeds{best}{kind})"


def _difference(claim: Claim, test: Test) -> str:
    return f"difference {show_gap(tidy(tidy(test.sample.mean) - test.expected), claim)}"


def reported(claim: Claim, ours: float) -> str:
    """Return what the paper reports and how its gaps are filled."""
    printed = claim.reported
    assert printed is not None
    text = f"paper {show(printed.mean, claim, ours)}"
    if printed.spread is not None:
        text += f" ± {show_gap(printed.spread, claim)}"
    seeds = printed.seeds
    if seeds is None:
        return text
    notes = ["number of runs not given, taken for one" if seeds == "unknown" else f"{seeds} seeds"]
    if seeds == 1:
        notes = ["1 run"]
    if printed.spread is None:
        notes.append("no spread given, ours stands in")
    elif printed.spread_is != "sd":
        notes.append("± a standard error" if printed.spread_is == "se" else "± not explained")
    return f"{text} ({', '.join(notes)})"
