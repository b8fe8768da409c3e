"""What a check may say about its own power, and the bands of a value: read strictly."""

from pathlib import Path

import pytest

from common.claims.claim import Assumed
from common.experiment import Tier
from tests.common.claims.test_read import CLAIM, IMAGES, check_of, parse, refused, with_check

TRUTHS = {
    "order": ("{effect: 0.05, spread: 0.01, reason: Table 9}", Assumed(0.05, 0.01, "Table 9")),
    "trend": ("{effect: 0.2, spread: 0.0, reason: Table 9}", Assumed(0.2, 0.0, "Table 9")),
    "rate": ("{effect: 1.0, reason: every run in Table 9}", Assumed(1.0, None, "every run in Table 9")),
}
UNREPORTED = CLAIM.replace(" spread: 0.001, spread_is: sd,", "")
COUNT = UNREPORTED.replace(IMAGES, "").replace("unit: fraction", "unit: count").replace("0.9855,", "40.0,")
FACTOR = COUNT.replace("margin: 0.003", "margin_factor: 10")
SCATTER = CLAIM.replace("margin: 0.003", "scatter: paper")


@pytest.mark.parametrize("kind", TRUTHS)
def test_a_check_may_say_what_a_true_claim_would_show(tmp_path: Path, kind: str) -> None:
    text, wanted = TRUTHS[kind]
    (claim,) = parse(tmp_path, f"{with_check(kind)}      assumed: {text}\n")
    assert claim.checks[Tier.FULL].assumed == wanted
    assert check_of(tmp_path, kind).assumed is None


@pytest.mark.parametrize("text", [UNREPORTED, CLAIM + "      expected: 0.98\n"])
def test_a_value_assumes_a_spread_where_none_is_printed_with_the_number_that_is_expected(
    tmp_path: Path, text: str
) -> None:
    (claim,) = parse(tmp_path, text + "      assumed: {spread: 0.002, reason: smoke's}\n")
    assert claim.checks[Tier.FULL].assumed == Assumed(None, 0.002, "smoke's")


@pytest.mark.parametrize(
    ("kind", "assumed", "message"),
    [
        ("order", "{effect: 0.05, spread: 0.01}", "17:16: field 'reason' is missing"),
        ("order", "{effect: 0.05, reason: r}", "17:16: field 'spread' is missing"),
        ("order", "{spread: 0.05, reason: r}", "17:16: field 'effect' is missing"),
        ("order", "{effect: 0.05, spread: 0.01, reason: ''}", "17:53: expected text, found the text ''"),
        ("order", "{effect: 5.0, spread: 0.01, reason: r}", "17:25: 5.0 is not a fraction"),
        ("order", "{effect: 0.05, spread: -0.01, reason: r}", "17:39: expected a number that is not negative"),
        ("order", "{effect: 0.03, spread: 0.01, reason: r}", "17:25: the effect that a true claim shows is more than"),
        ("order", "{effect: -0.05, spread: 0.01, reason: r}", "17:25: the effect that a true claim shows is more than"),
        ("order", "{effect: 0.05, spread: 0.01, gap: 1, reason: r}", "17:50: unknown field 'gap'"),
        ("trend", "{effect: -0.2, spread: 0.01, reason: r}", "16:25: the effect is by how much a true claim would be"),
        ("trend", "{effect: 0.0, spread: 0.01, reason: r}", "16:25: the effect is by how much a true claim would be"),
        ("rate", "{effect: 0.9, spread: 0.1, reason: r}", "16:38: unknown field 'spread'"),
        ("rate", "{effect: 0.4, reason: r}", "16:25: a rate of 0.4 is not at least 0.5, as is claimed"),
        ("rate", "{effect: 40, reason: r}", "16:25: the effect is the true rate, a fraction between 0 and 1, found 40"),
        ("exact", "{effect: 0.9, reason: r}", "15:16: unknown field 'assumed'"),
    ],
)
def test_what_a_kind_does_not_use_or_a_true_claim_cannot_show_is_refused(
    tmp_path: Path, kind: str, assumed: str, message: str
) -> None:
    assert refused(tmp_path, f"{with_check(kind)}      assumed: {assumed}\n").startswith(message)


def test_the_truth_of_a_rate_at_most_lies_below_it(tmp_path: Path) -> None:
    text = with_check("rate").replace("at_least", "at_most") + "      assumed: {effect: 0.6, reason: r}\n"
    assert refused(tmp_path, text) == "16:25: a rate of 0.6 is not at most 0.5, as is claimed"
    parse(tmp_path, text.replace("0.6", "0.0"))


def test_a_value_assumes_no_effect_and_no_spread_that_the_paper_prints(tmp_path: Path) -> None:
    words = "16:16: the paper prints a spread: a simulation takes that, none is assumed"
    assert refused(tmp_path, CLAIM + "      assumed: {spread: 0.002, reason: r}\n") == words
    effect = UNREPORTED + "      assumed: {effect: 0.98, spread: 0.002, reason: r}\n"
    assert refused(tmp_path, effect).startswith("16:25: unknown field 'effect'; allowed here: spread, reason")


@pytest.mark.parametrize("kind", ["order", "trend", "rate", "exact"])
def test_a_check_that_cannot_decide_says_why_and_does_not_gate(tmp_path: Path, kind: str) -> None:
    text = f"{with_check(kind)}      undecidable: three runs\n".replace("gate: reproduced", "gate: none")
    assert parse(tmp_path, text)[0].checks[Tier.FULL].undecidable == "three runs"
    line = len(text.splitlines())
    gating = text.replace("gate: none", "gate: no-deviation")
    assert refused(tmp_path, gating) == f"{line}:20: what decides nothing cannot gate: give it 'gate: none'"
    assert refused(tmp_path, text.replace("three runs", "''")).startswith(f"{line}:20: expected text")
    assert check_of(tmp_path, kind).undecidable == ""


def test_a_value_has_one_band(tmp_path: Path) -> None:
    words = "10:7: a value check needs one of margin, margin_factor, scatter"
    assert refused(tmp_path, CLAIM + "      scatter: paper\n") == words
    assert refused(tmp_path, FACTOR + "      margin: 3\n") == words
    assert refused(tmp_path, CLAIM.replace("      margin: 0.003\n", "")) == words


def test_a_value_may_lie_within_a_factor(tmp_path: Path) -> None:
    check = parse(tmp_path, FACTOR)[0].checks[Tier.FULL]
    assert (check.margin, check.margin_factor, check.scatter) == (None, 10.0, False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("factor: 10", "factor: 1", "14:22: a factor either way is above 1, found 1"),
        ("factor: 10", "factor: 0.1", "14:22: a factor either way is above 1, found 0.1"),
        ("40.0,", "0.0,", "14:22: a factor needs a number above zero, not 0 as printed"),
        ("resolution: 0.0001", "resolution: 80", "14:22: a factor needs a number above zero, not 40 as printed"),
        ("setting.rate: 0.5}", "rate: 0.5}, minus: {cell: {method: b}}", "14:22: a difference may be zero or less"),
    ],
)
def test_a_factor_of_what_may_be_zero_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert FACTOR.count(old) == 1
    assert refused(tmp_path, FACTOR.replace(old, new)).startswith(message)


def test_a_fraction_has_no_factor(tmp_path: Path) -> None:
    text = CLAIM.replace("margin: 0.003", "margin_factor: 10")
    assert refused(tmp_path, text) == "14:22: a fraction has a margin, not a factor"


def test_a_value_may_be_held_against_the_scatter_of_the_paper(tmp_path: Path) -> None:
    check = parse(tmp_path, SCATTER)[0].checks[Tier.FULL]
    assert (check.margin, check.margin_factor, check.scatter) == (None, None, True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scatter: paper", "scatter: ours", "14:16: expected one of paper; found 'ours'"),
        (" spread: 0.001, spread_is: sd,", "", "14:16: the paper prints no spread"),
        ("seeds: 5", "seeds: unknown", "14:16: how far a mean may lie takes the paper's number of runs"),
        ("seeds: 5", "seeds: 1", "14:16: how far a mean may lie takes the paper's number of runs"),
        ("scatter: paper", "scatter: paper\n      expected: 0.9", "14:16: the paper's scatter is about what it"),
        ("gate: no-deviation", "gate: reproduced", "11:13: the paper's scatter is never 'reproduced', only con"),
    ],
)
def test_a_scatter_that_the_paper_does_not_print_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SCATTER.count(old) == 1
    assert refused(tmp_path, SCATTER.replace(old, new)).startswith(message)
