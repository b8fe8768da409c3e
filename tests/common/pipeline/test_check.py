from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from common.errors import UsageError
from common.expectations import Check, Claim, Quantity
from common.experiment import DECLARED, Replicates, Tier
from common.pipeline.aggregate import Results
from common.pipeline.check import Judged, all_at_once, check_claims, fails, require_fit
from common.pipeline.verdict import Finding, Verdict
from tests import conftest
from tests.common.pipeline.toy import (
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
        assert finding.sentence.endswith(") has no record of the present code and settings; run it first")


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


def test_an_experiment_that_was_not_asked_for_is_not_run():
    found = pair([0.5] * 5, [0.4] * 5)
    for check in (*each_kind(experiment="other"), order(below=quantity("b", experiment="other"))):
        assert find(check, found) == Finding(Verdict.NOT_RUN, "its experiment was not asked for")


def test_fewer_seeds_than_declared_are_an_error():
    found = one([0.5] * 5, replicates=Replicates(count=4))
    for check in each_kind():
        assert find(check, found) == Finding(Verdict.ERROR, "4 of the 5 seeds that table declares: too few to judge")
    more = one([0.5] * 7, seeds=5, replicates=Replicates(count=7))
    assert find(order(below=0.1), more).seeds == 7


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


def judged(gate, verdict, against=None, name="claim", kind="value"):
    check = Check(kind, gate, "r")
    return Judged(claim(check, name=name), check, Finding(verdict, "s", against=against))


DEVIATIONS = {Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH}
UNDECIDED = {*DEVIATIONS, Verdict.INCONCLUSIVE, Verdict.ERROR}


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("adjusted", [None, 0.0, 0.05, 0.0501, 1.0])
def test_what_blocks_without_a_gate_and_where_it_must_be_reproduced(verdict, adjusted):
    for against in (None, 0.01):
        assert not replace(judged("none", verdict, against), adjusted=adjusted).blocks
        strict = replace(judged("reproduced", verdict, against), adjusted=adjusted)
        assert strict.blocks is (verdict in UNDECIDED)


@pytest.mark.parametrize("verdict", Verdict)
def test_what_blocks_where_nothing_may_deviate(verdict):
    certain = judged("no-deviation", verdict)
    assert certain.blocks is (verdict in {*DEVIATIONS, Verdict.ERROR})
    by_chance = judged("no-deviation", verdict, against=0.01)
    assert by_chance.blocks is (verdict is Verdict.ERROR)
    assert replace(by_chance, adjusted=0.0501).blocks is (verdict is Verdict.ERROR)
    if verdict in DEVIATIONS:
        assert replace(by_chance, adjusted=0.05).blocks


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
    assert first.adjusted == pytest.approx(0.03)


def test_claims_that_do_not_gate_are_watched_but_take_nothing_from_those_that_do():
    first = run_of(0.004, gate="none")[0]
    assert (first.adjusted, first.blocks, first.watch) == (pytest.approx(0.004), True, True)
    loose = all_at_once([judged("none", Verdict.DEVIATES_LOW, 0.001), judged("no-deviation", Verdict.REPRODUCED, 1.0)])
    assert (loose[0].adjusted, loose[0].blocks, loose[0].watch) == (None, False, True)


def test_claims_without_chance_take_nothing_from_the_others():
    certain = [judged("no-deviation", Verdict.REPRODUCED, name=str(i), kind="exact") for i in range(50)]
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


def declarations(seeds=5, also=()):
    """Return Results without records of `table` and of other experiments by name."""
    experiments = {"table": conftest.experiment(seeds=seeds)}
    experiments |= {name: conftest.experiment(name) for name in also}
    return Results(experiments, Tier.SMOKE, DECLARED, {}, {})


def declared(*checks):
    return [claim(replace(check, line=10 + i), name=str(i)) for i, check in enumerate(checks)]


def refused(checks, **fields):
    with pytest.raises(UsageError) as error:
        require_fit(declared(*checks), declarations(**fields), "expectations/toy.yaml")
    message = str(error.value)
    assert message.startswith("expectations/toy.yaml:")
    return message.removeprefix("expectations/toy.yaml:")


def accept(checks, **fields):
    require_fit(declared(*checks), declarations(**fields), "expectations/toy.yaml")


RANGE = value(quantity=quantity(rate=None), **ALONG)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (value(quantity=quantity(experiment="tabel")), "unknown experiment 'tabel'; there are: table"),
        (value(quantity=quantity("c")), "0 cells of table (smoke) fit method = c, rate = 0.1; one is needed"),
        (value(quantity=quantity(rate=None)), "3 cells of table (smoke) fit method = a; one is needed"),
        (value(quantity=Quantity("table", "score", {})), "6 cells of table (smoke) fit no condition; one is needed"),
        (replace(RANGE, points=(0.1, 0.7)), "0 cells of table (smoke) fit rate = 0.7, method = a; one is needed"),
        (
            value(quantity=Quantity("table", "loss", {"method": "a", "rate": 0.1})),
            "table does not measure 'loss'; it measures score, validation_accuracy",
        ),
        (value(quantity=quantity(minus=quantity("c"))), "0 cells of table (smoke) fit method = c, rate = 0.1; one is"),
        (
            order(above=Quantity("table", "score", {}, against="loss"), below=0.0),
            "table does not measure 'loss'; it measures score, validation_accuracy",
        ),
        (
            order(above=Quantity("table", "score", {"method": "a"}, against="validation_accuracy"), below=0.0),
            "3 cells of table fit: a correlation takes at least 4",
        ),
        (order(below=quantity("c")), "0 cells of table (smoke) fit method = c, rate = 0.1; one is needed"),
    ],
)
def test_a_check_of_what_is_not_declared_is_refused_with_its_line(check, words):
    assert refused([exact(equals=1.0), check]).startswith(f"11: toy/1: {words}")


def test_claims_of_other_tiers_need_no_declaration_in_this_one():
    full = Claim("toy/full", "p", "s", "s", "ratio", None, {Tier.FULL: value(quantity=quantity("c"))}, {})
    require_fit([claim(exact(equals=1.0)), full], declarations(), "toy.yaml")


def test_an_experiment_that_no_claim_reads_is_refused():
    words = "no claim reads the smoke experiment 'other': add one, or drop it"
    assert refused([exact(equals=1.0)], also=["other"]).strip() == words
    accept([exact(equals=1.0), exact(quantity=quantity("b", experiment="other"), equals=1.0)], also=["other"])
    accept([order(below=quantity("b", experiment="other"))], also=["other"])
    accept([value(quantity=quantity(divided_by=quantity("b", experiment="other")))], also=["other"])


def test_an_experiment_without_cells_in_the_tier_needs_no_claim():
    found = declarations(also=["other"])
    found.experiments["other"].cells[Tier.SMOKE] = ()
    require_fit(declared(exact(equals=1.0)), found, "toy.yaml")


SPREADS = order(above=quantity(statistic="spread"), below=quantity("b", statistic="spread"))
OFTEN = rate(event_above=0.5, at_least=0.5)


@pytest.mark.parametrize(
    ("check", "least"),
    [
        (value(), 2),
        (order(), 5),  # 1/32
        (SPREADS, 3),
        (trend(), 2),  # 1/36; one seed would have 1/6
        (trend(unblocked=True), 2),
        (OFTEN, 5),
        (rate(event_above=0.5, at_least=0.9), 29),  # 0.9^29 = 0.047
        (rate(event_above=0.5, at_most=0.9), 2),
        (exact(equals=1.0), 1),
    ],
)
def test_a_gate_that_its_seeds_can_never_open_is_refused_with_its_line(check, least):
    strict = replace(check, gate="reproduced")
    accept([strict], seeds=least)
    if least > 1:
        assert refused([strict], seeds=least - 1) == (
            f"10: toy/0: {least - 1} seeds can never show this claim, so it cannot gate as 'reproduced'"
        )
        accept([check], seeds=least - 1)


def test_a_rate_of_nothing_at_all_can_be_contradicted_but_never_shown():
    never = rate(event_above=0.5, at_most=0.0)
    accept([replace(never, gate="no-deviation")], seeds=1)
    assert "can never show" in refused([replace(never, gate="reproduced")], seeds=10_000)


@pytest.mark.parametrize(
    ("check", "seeds", "most"),
    [
        (order(), 5, 1),  # 1/32
        (order(), 6, 3),  # 1/64
        (trend(), 2, 1),  # 1/36
        (trend(), 3, 10),  # 1/216
        (OFTEN, 6, 3),
        (trend(unblocked=True), 2, 4),  # 2!^3 / 6! = 1/90
        (rate(event_above=0.5, at_least=0.9), 2, 5),  # two seeds without event: 0.01
        (replace(OFTEN, quantity=quantity(rate=None), **ALONG), 6, 1),  # at one of three points: 3/64
        (rate(event_above=0.5, at_most=0.2), 2, 1),  # two events: 0.04
    ],
)
def test_a_gate_that_its_seeds_can_never_close_among_so_many_is_refused_with_its_line(check, seeds, most):
    loose = replace(check, gate="no-deviation")
    others = [value(gate="no-deviation"), *[exact(equals=1.0, gate="reproduced")] * 9, *[value()] * 9]
    accept([loose, *[others[0]] * (most - 1), *others[1:]], seeds=seeds)
    assert refused([loose, *[others[0]] * most], seeds=seeds) == (
        f"10: toy/0: {seeds} seeds can never contradict this claim among {most + 1} gating ones, so 'no-deviation' "
        "would never fail: gate as 'reproduced' or 'none'"
    )


@pytest.mark.parametrize("check", [value(), SPREADS])
def test_what_has_no_smallest_p_value_gates_among_any_number(check):
    accept([replace(check, gate="no-deviation")] * 999, seeds=3)


@pytest.mark.parametrize("seeds", [2, 5])
def test_experiments_that_are_compared_declare_the_same_number_of_seeds(seeds):
    mixed = order(below=quantity("b", experiment="other"))
    if seeds < 5:
        assert "seeds cannot be paired: other has 5, table has 2" in refused([mixed], seeds=seeds, also=["other"])
    else:
        accept([mixed], seeds=seeds, also=["other"])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.sampled_from([0.2, 0.5, 0.8]), st.sampled_from(["at_least", "at_most"]), st.booleans())
def test_what_is_let_through_can_be_shown_and_contradicted(seeds, bound, side, is_order):
    """The most telling numbers of so many seeds show what may gate, and no numbers show what may not."""
    if is_order:
        check, telling = order(below=0.5), ([1.0] * seeds, [0.0] * seeds)
    else:
        check = rate(event_above=0.5, **{side: bound})
        telling = ([1.0] * seeds, [0.0] * seeds) if side == "at_least" else ([0.0] * seeds, [1.0] * seeds)
    for gate, numbers, wanted in zip(
        ("reproduced", "no-deviation"), telling, ({Verdict.REPRODUCED}, DEVIATIONS), strict=True
    ):
        shown = find(check, one(numbers)).verdict in wanted
        try:
            accept([replace(check, gate=gate)], seeds=seeds)
        except UsageError:
            assert not shown
        else:
            assert shown
