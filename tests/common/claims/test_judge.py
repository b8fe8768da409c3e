from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from common.claims.claim import Quantity, Reported
from common.claims.judge import Judged, all_at_once, check_claims, fails
from common.claims.results import Results
from common.claims.statistics.means import _t_nodes
from common.claims.verdict import Finding, Verdict
from common.experiment import Metrics, Replicates, Tier
from common.run.record import Record
from tests import conftest
from tests.common.toy import (
    ALONG,
    RATES,
    claim,
    exact,
    find,
    one,
    order,
    pair,
    quantity,
    rate,
    results,
    row,
    trend,
    value,
)


def each_kind(**parts):
    """Return a check of each kind that can read the given quantity without a range."""
    read = quantity(**parts)
    return [
        value(quantity=read),
        order(above=read, below=0.1),
        rate(quantity=read, event_above=0.1, at_least=0.1),
        exact(quantity=read, equals=0.5),
    ]


def test_only_claims_with_a_check_in_the_tier_are_judged():
    smoke, full = exact(equals=0.5), exact(equals=0.6)
    claims = [
        replace(claim(name="smoke"), checks={Tier.SMOKE: smoke, Tier.FULL: full}),
        replace(claim(name="full"), checks={Tier.FULL: full}, untestable={Tier.SMOKE: "too large"}),
    ]
    judged = check_claims(claims, one([0.5]))
    assert [(j.claim.id, j.check, j.finding.verdict) for j in judged] == [("toy/smoke", smoke, Verdict.REPRODUCED)]


def test_every_kind_is_judged_by_its_own_test():
    found = one([0.5] * 5)
    wanted = [
        ("ours 0.5 ±", Verdict.REPRODUCED),
        ("0.5 against 0.1", Verdict.REPRODUCED),
        ("5 of 5 seeds", Verdict.REPRODUCED),
        ("0.5 where exactly", Verdict.REPRODUCED),
    ]
    for check, (words, verdict) in zip(each_kind(), wanted, strict=True):
        finding = find(check, found)
        assert (finding.sentence.startswith(words), finding.verdict) == (True, verdict)
    assert find(trend(), row([0.1, 0.1], [0.2, 0.2], [0.3, 0.3])).sentence.startswith("0.1, 0.2, 0.3 along rate")


def test_division_by_zero_is_an_error():
    found = pair([0.5, 0.5], [0.5, 0.0])
    for check in each_kind(divided_by=quantity("b")):
        assert find(check, found) == Finding(Verdict.ERROR, "a quantity is divided by zero")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_an_error_that_names_the_job(bad):
    for check in each_kind():
        finding = find(check, one([0.5, bad]))
        assert (finding.verdict, finding.ours, finding.against) == (Verdict.ERROR, None, None)
        assert finding.sentence.startswith("job method=a, rate=0.1, setting=toy, seed 1 (")
        assert finding.sentence.endswith(f"diverged: score is {bad}")


def test_a_missing_record_is_an_error_that_names_the_job():
    for check in each_kind():
        finding = find(check, one([0.5, None]))
        assert finding.verdict is Verdict.ERROR
        assert finding.sentence.startswith("job method=a, rate=0.1, setting=toy, seed 1 (")
        assert finding.sentence.endswith(") has no record; run it first")


def test_a_failed_job_is_an_error_that_says_why():
    for check in each_kind():
        finding = find(check, one([0.5, 0.5], errors={("a", 0.1)}))
        assert finding.verdict is Verdict.ERROR
        assert finding.sentence.startswith("job method=a, rate=0.1, setting=toy, seed 0 (")
        assert finding.sentence.endswith("failed: RuntimeError: out of luck")


@pytest.mark.parametrize(("bad", "words"), [(None, "has no record"), (float("nan"), "diverged")])
@pytest.mark.parametrize("check", [value(quantity=quantity(rate=None), **ALONG), trend()])
def test_one_bad_point_of_a_range_is_enough(check, bad, words):
    finding = find(check, row([0.5, 0.5], [0.5, bad], [0.5, 0.5]))
    assert finding.verdict is Verdict.ERROR
    assert words in finding.sentence


def test_a_bad_number_of_one_claim_leaves_its_family_alone():
    table = [(method, at) for method in ("a", "b") for at in RATES]
    numbers = {cell: [0.4, 0.5 + 0.01 * i, 0.6] for i, cell in enumerate(table)}
    claims = [claim(value(quantity=quantity(*cell), expected=0.5), name=str(cell)) for cell in table]
    good = check_claims(claims[:5], results(numbers))
    bad = check_claims(claims, results({**numbers, table[5]: [0.4, None, 0.6]}))
    assert [j.finding for j in bad[:5]] == [j.finding for j in good]
    assert bad[5].finding.verdict is Verdict.ERROR


@pytest.mark.parametrize(("scale", "words"), [(1.0, "0.5 where"), (0.25, "at 0.25 of the declared length: ")])
def test_a_sentence_says_by_how_much_training_was_shortened(scale, words):
    table = replace(conftest.experiment(seeds=2), scale=scale)
    records = {job: Record(Metrics({"score": 0.5}), 1.0, {}) for job in table.jobs(Tier.SMOKE)}
    finding = find(exact(equals=0.5), Results(conftest.study_of(table), records))
    assert finding.verdict is Verdict.REPRODUCED
    assert finding.sentence.startswith(words)


def test_a_metric_that_a_job_did_not_measure_is_an_error():
    check = exact(quantity=Quantity("table", "loss", {"method": "a", "rate": 0.1}), equals=1.0)
    finding = find(check, one([0.5]))
    assert finding.verdict is Verdict.ERROR
    assert "has no metric 'loss'; it has score, validation_accuracy" in finding.sentence


@pytest.mark.parametrize(
    ("unit", "bad", "words"),
    [
        ("fraction", 98.5, "score of table is no fraction: 0.5 to 98.5"),
        ("fraction", -0.01, "score of table is no fraction: -0.01 to 0.5"),
        ("count", 2.5, "score of table is no count: 0.5 to 2.5"),
        ("count", -1.0, "score of table is no count: -1 to 0.5"),
        ("seconds", -2.0, "score of table is below zero: -2"),
        ("kilobytes", -2.0, "score of table is below zero: -2"),
    ],
)
def test_a_number_that_cannot_be_in_the_unit_is_an_error(unit, bad, words):
    for check in each_kind():
        assert find(check, one([0.5, bad]), unit=unit) == Finding(Verdict.ERROR, words)


NOT_A_NUMBER = lambda *arguments: np.float64("nan")  # noqa: E731
SPREAD = {"above": quantity(statistic="spread"), "below": quantity("b", statistic="spread")}
FEW, MANY = [0.5, 0.6, 0.7, 0.8, 0.4], [0.5, 0.6] * 10


@pytest.mark.parametrize(
    ("check", "found", "broken"),
    [
        (value(expected=9.0), one(FEW), "stdtr"),
        (value(expected=9.0, images=1000), one(FEW), "stdtr"),
        (order(below=0.1), one(MANY), "stdtr"),
        (order(**SPREAD), pair(FEW, FEW[::-1]), "stdtr"),
        (rate(event_above=0.1, at_least=0.9), one(FEW), "bdtrc"),
        (rate(event_above=0.9, at_most=0.9), one(FEW), "bdtr"),
        (exact(quantity=quantity(statistic="band"), at_most=9.0), one(FEW), "stdtrit"),
    ],
)
def test_a_test_without_p_value_is_an_error_never_a_pass(monkeypatch, check, found, broken):
    monkeypatch.setattr(special, broken, NOT_A_NUMBER)
    finding = find(check, found)
    assert (finding.verdict, finding.against) == (Verdict.ERROR, None)
    assert "not a number" in finding.sentence or "not finite" in finding.sentence


@pytest.mark.parametrize("unblocked", [False, True])
def test_a_trend_without_p_value_is_an_error(monkeypatch, unblocked):
    broken = type("Result", (), {"pvalue": float("nan")})()
    monkeypatch.setattr(stats, "page_trend_test", lambda *a, **k: broken)
    monkeypatch.setattr(stats, "kendalltau", lambda *a, **k: broken)
    finding = find(trend(unblocked=unblocked), row([0.1, 0.1], [0.2, 0.2], [0.3, 0.3]))
    assert finding == Finding(Verdict.ERROR, "the p-value of its test is not a number")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "check",
    [
        order(below=quantity("b", divided_by=quantity("a"))),
        value(quantity=quantity(minus=quantity("b"))),
        exact(quantity=quantity(divided_by=quantity("b")), at_least=1.0),
        order(),
        value(expected=1.0),
    ],
)
def test_numbers_that_overflow_are_an_error(check):
    finding = find(check, pair([1e308, -1e308, 1e308], [-1e308, 1e-300, 1e-300]))
    assert finding.verdict is Verdict.ERROR
    assert "not finite" in finding.sentence or "too large for its test" in finding.sentence


def test_a_paper_ten_spreads_away_blocks_on_every_scipy(monkeypatch):
    quantile = special.stdtrit
    _t_nodes.cache_clear()
    monkeypatch.setattr(special, "stdtrit", lambda df, p: np.where(p < 1.0, quantile(df, p), np.nan))  # as below 1.17
    claims = [claim(value(gate="no-deviation", expected=None, margin=1.0), reported=Reported(10.0, 0.4, "sd", 5, 0.1))]
    (found,) = all_at_once(check_claims(claims, one([50.0, 50.5, 51.0])))
    _t_nodes.cache_clear()
    assert found.finding.verdict is Verdict.DEVIATES_HIGH
    assert found.finding.against < 0.01
    assert found.blocks


def test_an_experiment_that_was_not_asked_for_is_not_run():
    found = pair([0.5] * 5, [0.4] * 5)
    for check in (*each_kind(experiment="other"), order(below=quantity("b", experiment="other"))):
        assert find(check, found) == Finding(Verdict.NOT_RUN, "its experiment was not asked for")


FACTS = {
    "value": "ours 0.5 ± 0.0216 (4 seeds), expected 0.5; difference 0, 90 % interval -0.02542 to 0.02542, not decided "
    "by ±0.02.",
    "order": "0.5 against 0.1, gap 0.4 (4 paired seeds, p = 0.062) where more than 0 is claimed.",
    "rate": "4 of 4 seeds (90 % interval 47 % to 100 %) where at least 10 % is claimed.",
    "exact": "0.48 where exactly 0.5 is claimed.",
}


@pytest.mark.parametrize("gate", ["none", "no-deviation", "reproduced"])
def test_fewer_seeds_than_declared_show_what_they_gave_and_decide_nothing(gate):
    numbers = [0.49, 0.5, 0.48, 0.53, 0.6]
    found = one(numbers, replicates=Replicates(count=4))
    for check in each_kind():
        (judged,) = all_at_once(check_claims([claim(replace(check, gate=gate))], found))
        finding = judged.finding
        assert finding.sentence == f"too few seeds (4 of 5 declared): {FACTS[check.kind]}"
        assert (finding.verdict, finding.seeds, finding.too_few) == (Verdict.INCONCLUSIVE, 4, True)
        assert (finding.against, finding.settle, finding.consistent) == (None, None, None)
        ours = {"order": [n - 0.1 for n in numbers[:4]], "rate": [1.0] * 4}.get(check.kind, numbers[:4])
        assert (finding.ours, finding.spread) == pytest.approx((np.mean(ours), np.std(ours, ddof=1)))
        assert judged.blocks is (gate != "none")
        assert not judged.watch
    rises = row(*[[at] * 5 for at in RATES], replicates=Replicates(count=3))
    assert find(trend(), rises).sentence == (
        "too few seeds (3 of 5 declared): 0.1, 0.2, 0.3 along rate (3 seeds, p = 0.005) where rising is claimed."
    )


def test_one_seed_of_many_shows_its_number():
    found = pair([0.6] * 5, [0.5] * 5, replicates=Replicates(count=1))
    sentences = [
        find(check, found, unit="fraction").sentence for check in (value(images=100), order(), exact(at_least=0.7))
    ]
    assert sentences == [
        "too few seeds (1 of 5 declared): one number, 60.00 %, against 50.00 %: no interval from one seed.",
        "too few seeds (1 of 5 declared): 60.00 % against 50.00 %, gap 10.00 points (1 paired seed, p = 0.500) where "
        "more than 0.00 points is claimed.",
        "too few seeds (1 of 5 declared): 60.00 % where at least 70.00 % is claimed.",
    ]
    finding = find(exact(at_least=0.5), found)
    assert (finding.ours, finding.spread, finding.seeds, finding.verdict) == (0.6, None, 1, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("check", "numbers", "words"),
    [
        (exact(quantity=quantity(statistic="band"), at_most=1.0), [0.5] * 5, "one seed has no confidence band"),
        (exact(equals=1.0), [float("nan")] * 5, "diverged: score is nan"),
    ],
)
def test_too_few_seeds_excuse_no_error(check, numbers, words):
    finding = find(check, one(numbers, replicates=Replicates(count=1)))
    assert (finding.verdict, finding.too_few) == (Verdict.ERROR, True)
    assert finding.sentence.startswith("too few seeds (1 of 5 declared): ")
    assert words in finding.sentence


def test_as_many_seeds_as_declared_or_more_are_judged():
    for count in (5, 7):
        finding = find(order(below=0.1), one([0.5] * 7, seeds=5, replicates=Replicates(count=count)))
        assert (finding.seeds, finding.verdict, finding.too_few) == (count, Verdict.REPRODUCED, False)


def test_an_experiment_that_was_not_asked_for_is_not_run_however_few_the_seeds():
    found = one([0.5] * 5, replicates=Replicates(count=1))
    assert find(exact(quantity=quantity(experiment="other"), equals=0.5), found).verdict is Verdict.NOT_RUN


@pytest.mark.parametrize("there", [1, 3])
def test_experiments_with_different_numbers_of_seeds_are_an_error_in_plain_words(there):
    found = one([0.5] * 5, also={("b", 0.1): [0.4] * there})
    unpaired = quantity("b", experiment="other")
    for check in (order(below=unpaired), *each_kind(minus=unpaired), *each_kind(divided_by=unpaired)):
        finding = find(check, found)
        assert finding.verdict is Verdict.ERROR
        assert finding.sentence == (
            f"seeds cannot be paired: other has {there}, table has 5; declare the same number for each"
        )


def test_experiments_with_as_many_seeds_are_compared_and_so_are_those_of_a_common_number_asked_for():
    paired = order(below=quantity("b", experiment="other"))
    found = one([0.5] * 5, also={("b", 0.1): [0.4] * 5})
    assert find(paired, found).verdict is Verdict.REPRODUCED
    found = one([0.5] * 6, seeds=5, also={("b", 0.1): [0.4] * 6}, replicates=Replicates(count=6))
    assert find(paired, found).verdict is Verdict.REPRODUCED


def judged(gate, verdict, against=None, name="claim", check=value):
    check = check(gate=gate)
    return Judged(claim(check, name=name), check, Finding(verdict, "s", against=against))


DEVIATIONS = {Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH}
UNDECIDED = {*DEVIATIONS, Verdict.INCONCLUSIVE, Verdict.ERROR}


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("adjusted", [None, 0.0, 0.05, 0.0501, 1.0])
def test_what_blocks_without_a_gate_and_where_it_must_be_reproduced(verdict, adjusted):
    for against in (None, 0.01):
        assert not replace(judged("none", verdict, against), adjusted=adjusted).blocks
        strict = replace(judged("reproduced", verdict, against), adjusted=adjusted)
        assert strict.blocks is (verdict in UNDECIDED or verdict is Verdict.CONSISTENT)


@pytest.mark.parametrize("verdict", Verdict)
def test_what_blocks_where_nothing_may_deviate(verdict):
    certain = judged("no-deviation", verdict)
    assert certain.blocks is (verdict in {*DEVIATIONS, Verdict.ERROR})
    few = replace(certain, finding=replace(certain.finding, too_few=True))
    assert few.blocks is (verdict in UNDECIDED)
    by_chance = judged("no-deviation", verdict, against=0.01)
    assert by_chance.blocks is (verdict is Verdict.ERROR)
    assert replace(by_chance, adjusted=0.0501).blocks is (verdict is Verdict.ERROR)
    if verdict in DEVIATIONS:
        assert replace(by_chance, adjusted=0.05).blocks


def test_what_is_undecidable_shows_its_numbers_and_takes_no_part_in_anything():
    plain = value(margin=0.001)
    apart = replace(plain, undecidable="three runs scatter too far")
    checks = [replace(plain, gate="no-deviation"), apart]
    found = all_at_once(check_claims([claim(c, name=str(i)) for i, c in enumerate(checks)], one([0.9, 0.91, 0.92])))
    first, last = (j.finding for j in found)
    assert (first.verdict, last.verdict) == (Verdict.DEVIATES_HIGH, Verdict.UNDECIDABLE)
    facts = first.sentence.partition(": deviates-high")[0]
    assert last.sentence == f"{facts}: undecidable, three runs scatter too far."
    assert (last.ours, last.spread, last.seeds, last.against, last.settle) == (first.ours, first.spread, 3, None, None)
    assert found[0].adjusted == first.against
    assert (found[1].adjusted, found[1].watch, found[1].blocks) == (None, False, False)


def test_what_is_undecidable_is_still_an_error_where_its_numbers_are_missing():
    apart = value(undecidable="three runs")
    assert find(apart, one([0.5, None, 0.5])).verdict is Verdict.ERROR
    assert find(apart, one([0.5, 0.5], seeds=3, replicates=Replicates(count=2))).verdict is Verdict.UNDECIDABLE
    assert find(order(undecidable="x", below=quantity("b", experiment="no")), one([0.5])).verdict is Verdict.NOT_RUN


def run_of(p, others=19, gate="no-deviation"):
    """Return a run in which the first of many claims deviates with this p-value and the others do not."""
    rest = [judged(gate, Verdict.INCONCLUSIVE, 1.0, name=str(i)) for i in range(others)]
    return all_at_once([judged("no-deviation", Verdict.DEVIATES_LOW, p), *rest])


@pytest.mark.parametrize(
    ("p", "adjusted", "blocks", "watch"),
    [(0.03, 0.6, False, False), (0.004, 0.08, False, True), (0.0001, 0.002, True, True)],
)
def test_one_deviation_among_twenty_claims_counts_for_as_much_as_twenty_chances_leave_of_it(p, adjusted, blocks, watch):
    first, *rest = run_of(p)
    assert (first.adjusted, first.blocks, first.watch) == (pytest.approx(adjusted), blocks, watch)
    assert not any(j.blocks or j.watch for j in rest)
    assert fails([first, *rest]) is blocks


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.DEVIATES_LOW])
def test_a_p_value_that_is_no_number_blocks_and_takes_nothing_from_the_others(verdict):
    broken, first, last = all_at_once(
        [judged("no-deviation", verdict, float("nan")), *(judged("no-deviation", verdict, p) for p in (0.01, 1.0))]
    )
    assert (broken.blocks, first.blocks, last.blocks) == (True, True, False)
    assert first.adjusted == pytest.approx(0.02)
    assert broken.finding.verdict is Verdict.ERROR


def test_claims_that_do_not_gate_are_watched_but_take_nothing_from_those_that_do():
    first = run_of(0.004, gate="none")[0]
    assert (first.adjusted, first.blocks, first.watch) == (pytest.approx(0.004), True, True)
    loose = all_at_once([judged("none", Verdict.DEVIATES_LOW, 0.001), judged("no-deviation", Verdict.REPRODUCED, 1.0)])
    assert (loose[0].adjusted, loose[0].blocks, loose[0].watch) == (None, False, True)


def test_claims_without_chance_take_nothing_from_the_others():
    certain = [judged("no-deviation", Verdict.REPRODUCED, name=str(i), check=exact) for i in range(50)]
    first, *rest = all_at_once([judged("no-deviation", Verdict.DEVIATES_LOW, 0.04), *certain])
    assert (first.adjusted, first.blocks) == (pytest.approx(0.04), True)
    assert [(j.adjusted, j.watch) for j in rest] == [(None, False)] * 50


def test_an_empty_run_is_judged_to_nothing():
    assert all_at_once([]) == []
    assert fails([])


P = st.sampled_from([0.0, 0.0007, 0.0031, 0.0113, 0.0217, 0.0393, 0.0471, 0.211, 0.703, 1.0])


@settings(deadline=None)
@given(st.lists(st.tuples(P, st.sampled_from(["none", "no-deviation", "reproduced"])), min_size=1, max_size=12))
def test_a_claim_blocks_by_deviating_where_holms_steps_reach_it_and_is_watched_where_benjamini_hochbergs_do(entries):
    found = all_at_once([judged(gate, Verdict.DEVIATES_HIGH, p, name=str(i)) for i, (p, gate) in enumerate(entries)])
    gating = sorted(p for p, gate in entries if gate != "none")
    stop = next((i for i, p in enumerate(gating) if p * (len(gating) - i) > 0.05), len(gating))
    rejected = gating[stop - 1] if stop else -1.0
    watched = stats.false_discovery_control([p for p, _ in entries])
    for j, (p, gate), q in zip(found, entries, watched, strict=True):
        if gate == "no-deviation":
            assert j.blocks is (p <= rejected)
        assert (j.adjusted is None) is (gate == "none")
        assert j.watch == (q <= 0.10)


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ([Verdict.NOT_RUN], True),
        ([Verdict.NOT_RUN, Verdict.REPRODUCED], False),
        ([Verdict.INCONCLUSIVE, Verdict.REPRODUCED], False),
        ([Verdict.REPRODUCED, Verdict.ERROR], True),
    ],
)
def test_a_run_fails_where_a_finding_blocks_or_nothing_was_judged(verdicts, wanted):
    assert fails([judged("no-deviation", verdict, 1.0, name=str(i)) for i, verdict in enumerate(verdicts)]) is wanted
