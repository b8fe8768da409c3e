import math
from dataclasses import replace

import pytest

from common.claims.claim import Claim, Quantity
from common.claims.judge import Judged, check_claims
from common.claims.results import Results
from common.claims.verdict import Finding, Verdict
from common.experiment import Metrics, Tier
from common.run.record import Record
from common.tools.accepted import Accepted, Numbers
from common.tools.baseline import compare, flips, numbers_of
from common.tools.drift import UNKNOWN, differences, scatter
from tests import conftest
from tests.common.toy import exact, order, value

HERE = {"device": "cpu", "torch": "2.15", "numpy": "2.4"}
NEW_TORCH = HERE | {"torch": "2.16"}
# Seeds 0, 1, 2 have a variance of 1, so two runs are taken to differ by one of 2, and the mean of three differences has
# a standard error of the root of 2/3. With two degrees of freedom, Student's two-sided p of t is 1 - t / sqrt(2 + t^2):
# 0.067 for a difference of 3, 0.039 for 4, 0.028 for 4.8 and 0.018 for 6.
SEEDS = (0.0, 1.0, 2.0)


def numbers(*values, place=HERE, company="c", verdict=Verdict.REPRODUCED, **others):
    samples = {"value": list(values), **others} if values else {}
    return Numbers(verdict, samples, place, company)


def shifted(by, place=NEW_TORCH, **others):
    return numbers(*(value + by for value in SEEDS), place=place, **others)


def judged(name, gate="no-deviation", kind="value"):
    check = {"value": value, "exact": exact}[kind](gate=gate)
    claim = Claim(f"toy/{name}", "A toy", "Table 9", "t", "none", None, {Tier.SMOKE: check}, {})
    return Judged(claim, check, Finding(Verdict.REPRODUCED, "so it is."))


def accepted(claims, package="toy"):
    return Accepted("2026-11-20", "abc", "r", {}, {package: {f"toy/{name}": n for name, n in claims.items()}})


def held(now, pinned, gates=None, kinds=None):
    """Hold a run against one accepted run; claims by name."""
    found = [judged(name, (gates or {}).get(name, "no-deviation"), (kinds or {}).get(name, "value")) for name in now]
    return compare(found, {f"toy/{name}": n for name, n in now.items()}, [accepted(pinned)])


def p_of(difference):
    t = difference / math.sqrt(2 / 3)
    return 1 - t / math.sqrt(2 + t**2)


def test_the_hand_computed_p_values():
    assert [round(p_of(d), 3) for d in (3, 4, 4.8, 6)] == [0.067, 0.039, 0.028, 0.018]


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (3.0, None),
        (-3.0, None),
        (4.0, "value: 4 above the baseline over 3 paired seeds (p = 0.039)"),
        (-4.0, "value: 4 below the baseline over 3 paired seeds (p = 0.039)"),
        (6.0, "value: 6 above the baseline over 3 paired seeds (p = 0.018)"),
    ],
)
def test_elsewhere_a_shift_to_either_side_is_read_from_the_spread_of_two_runs(difference, sentence):
    found = held({"a": shifted(difference)}, {"a": numbers(*SEEDS)})
    assert [change.sentence for change in found.changes] == ([sentence] if sentence else [])
    assert found.blocks is bool(sentence)


def test_gating_claims_share_one_false_alarm_rate():
    pinned = {name: numbers(*SEEDS) for name in "abc"}
    two = held({"a": shifted(4.0), "b": shifted(4.0)}, {name: pinned[name] for name in "ab"})
    assert [change.blocks for change in two.changes] == [False, False]  # 2 x 0.039
    two = held({"a": shifted(4.8), "b": shifted(0.0)}, {name: pinned[name] for name in "ab"})
    assert [(change.id, change.blocks) for change in two.changes] == [("toy/a", False)]  # 2 x 0.028
    both = held({"a": shifted(4.0), "b": shifted(6.0)}, {name: pinned[name] for name in "ab"})
    assert [(change.id, change.blocks) for change in both.changes] == [("toy/a", True), ("toy/b", True)]  # 2 x 0.018
    three = held({"a": shifted(6.0), "b": shifted(4.0), "c": shifted(0.0)}, pinned)
    assert not three.blocks  # 3 x 0.018


def test_claims_that_do_not_gate_neither_block_nor_count_among_those_that_do():
    pinned = {name: numbers(*SEEDS) for name in "ab"}
    found = held({"a": shifted(400.0), "b": shifted(4.0)}, pinned, gates={"a": "none"})
    assert [(change.id, change.blocks) for change in found.changes] == [("toy/b", True), ("toy/a", False)]


def test_the_samples_of_a_claim_share_its_p_value():
    pinned = numbers(*SEEDS, other=list(SEEDS))
    now = shifted(4.0, other=list(SEEDS))
    assert not held({"a": now}, {"a": pinned}).changes  # 2 x 0.039
    (change,) = held({"a": shifted(6.0, other=list(SEEDS))}, {"a": pinned}).changes
    assert change.sentence == "value: 6 above the baseline over 3 paired seeds (p = 0.036)"


def learnt(*runs, now=NEW_TORCH):
    return scatter("value", shifted(0.0, place=now), list(runs))


FALLBACK = (2.0, 2.0)
OLD = numbers(*SEEDS, place=HERE | {"torch": "2.14"})
MOVED = numbers(1.0, 0.0, 2.0)  # differences 1, -1, 0: squares of 2 with two degrees of freedom


def test_scatter_is_learnt_from_accepted_runs_that_differ_where_this_one_does():
    assert learnt(OLD, MOVED) == (1.0, 2.0)
    assert learnt(OLD, MOVED, OLD, numbers(3.0, 0.0, 0.0)) == ((2 + 2 + 14) / 6, 6.0)  # 3, -1, -2 at last
    assert learnt(replace(OLD, circumstances=OLD.circumstances | {"numpy": "2.3"}), MOVED) == (1.0, 2.0)


def test_a_shift_between_accepted_runs_is_no_scatter():
    assert learnt(OLD, numbers(5.0, 4.0, 6.0)) == (1.0, 2.0)
    assert learnt(OLD, numbers(5.0, 6.0, 7.0)) == FALLBACK


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(numbers(1.0, 0.0, 5.0), id="equal circumstances"),
        pytest.param(numbers(1.0, 0.0, 5.0, place=HERE | {"numpy": "2.3"}), id="other circumstances than now"),
        pytest.param(numbers(1.0, 0.0, 5.0, company="d"), id="company alone"),
        pytest.param(numbers(1.0, 0.0, 5.0, place={}), id="circumstances that are not named"),
        pytest.param(OLD, id="equal bit by bit"),
        pytest.param(numbers(1.0, 5.0, place=OLD.circumstances), id="fewer seeds"),
        pytest.param(Numbers(Verdict.NOT_RUN, {}, {}, ""), id="not run"),
    ],
)
def test_scatter_is_not_learnt_from(before):
    assert learnt(before, numbers(*SEEDS)) == FALLBACK


def test_scatter_is_not_learnt_from_runs_that_differ_in_a_part_of_what_this_one_does():
    new = NEW_TORCH | {"numpy": "2.5"}
    assert learnt(OLD, MOVED, now=new) == FALLBACK
    both = replace(OLD, circumstances=OLD.circumstances | {"numpy": "2.3"})
    assert learnt(both, MOVED, now=new) == (1.0, 2.0)


def test_where_circumstances_are_not_named_scatter_is_that_of_seeds():
    unnamed = numbers(*SEEDS, place={}, company="d")
    assert learnt(numbers(1.0, 0.0, 2.0, place={}), unnamed) == FALLBACK


def test_scatter_between_seeds_is_that_of_the_sample_that_varies_most():
    pinned = numbers(0.0, 0.0, 0.0, wide=[0.0, 2.0, 4.0, 6.0, 8.0], one=[7.0])
    assert learnt(pinned) == (20.0, 4.0)  # a variance of 10
    assert learnt(numbers(3.0)) == (0.0, 1.0)


def test_a_single_number_that_moves_elsewhere_blocks_and_one_that_stays_does_not():
    assert held({"a": numbers(3.0, place=NEW_TORCH)}, {"a": numbers(3.0)}).changes == []
    assert held({"a": numbers(3.1, place=NEW_TORCH)}, {"a": numbers(3.0)}).blocks


@pytest.mark.parametrize(("pinned", "now"), [(0.1, 0.1 + 2**-56), (0.0, -0.0), (1.0, 2.0)])
def test_under_equal_circumstances_the_last_bit_blocks(pinned, now):
    (change,) = held({"a": numbers(now, 1.0)}, {"a": numbers(pinned, 1.0)}).changes
    assert change.blocks
    assert change.sentence.startswith("1 of 1 samples changed on the same platform; value: mean ")
    assert held({"a": numbers(pinned, 1.0)}, {"a": numbers(pinned, 1.0)}).changes == []


def test_under_equal_circumstances_claims_that_do_not_gate_are_named_only():
    found = held({"a": numbers(1.0)}, {"a": numbers(2.0)}, gates={"a": "none"})
    assert [(change.id, change.blocks) for change in found.changes] == [("toy/a", False)]
    assert found.changes[0].sentence.endswith("mean 2 in the baseline, 1 now")


def test_exact_claims_are_compared_bit_by_bit_or_not_at_all():
    exact = {"kinds": {"a": "exact"}}
    assert held({"a": numbers(1.0)}, {"a": numbers(2.0)}, **exact).blocks
    found = held({"a": numbers(1.0, place=NEW_TORCH)}, {"a": numbers(2.0)}, **exact)
    assert found.changes == []
    line = "torch 2.16 where the accepted run has 2.15: 1 claim is exact and held against the bound alone"
    assert (found.elsewhere, found.account) == ([line], "0 of 1 claim is compared bit by bit")


def test_the_ways_of_comparing_are_counted():
    claims = {name: numbers(*SEEDS) for name in "abcd"} | {"e": numbers(verdict=Verdict.NOT_RUN, place={}, company="")}
    now = claims | {"b": shifted(0.0), "c": shifted(0.0, company="d"), "d": shifted(0.0)}
    found = held(now, claims, kinds={"d": "exact"})
    assert found.elsewhere == [
        "torch 2.16 where the accepted run has 2.15: 2 claims are compared by the drift test, not bit by bit; 1 claim "
        "is exact and held against the bound alone",
        "jobs are grouped otherwise (which train together, and where) than in the accepted run: 1 claim is compared by "
        "the drift test, not bit by bit",
    ]
    assert found.account == "1 of 4 claims are compared bit by bit"
    assert not found.blocks


def test_claims_that_one_run_alone_knows_and_samples_that_are_not_the_same_block():
    now = {"new": numbers(1.0), "less": numbers(1.0), "renamed": numbers(1.0), "quiet": numbers(1.0)}
    pinned = {"old": numbers(1.0), "less": numbers(1.0, 2.0), "renamed": replace(now["new"], samples={"x": [1.0]})}
    found = held(now, pinned, gates={"quiet": "none"})
    assert [(change.id, change.blocks, change.sentence.split(":")[0]) for change in found.changes] == [
        ("toy/old", True, "in the baseline, but no longer declared in this tier"),
        ("toy/new", True, "not in the baseline"),
        ("toy/less", True, "reads other numbers than in the baseline"),
        ("toy/renamed", True, "reads other numbers than in the baseline"),
        ("toy/quiet", False, "not in the baseline"),
    ]


def test_a_part_is_held_against_what_is_pinned_of_it():
    runs = [accepted({"a": numbers(1.0)}), accepted({"b": numbers(1.0)}, "other")]
    now = {"toy/b": numbers(1.0)}
    assert compare([judged("b")], now, runs, ["other"]).changes == []
    assert [change.id for change in compare([judged("b")], now, runs).changes] == ["toy/a"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("gate", ["no-deviation", "none"])
@pytest.mark.parametrize("place", [HERE, NEW_TORCH])
@pytest.mark.parametrize("kind", ["value", "exact"])
def test_a_number_that_is_not_finite_blocks_on_either_side(bad, gate, place, kind):
    whole, broken = numbers(1.0, 2.0), numbers(1.0, bad)
    for now, pinned in ((broken, whole), (whole, broken), (broken, broken)):
        now = replace(now, circumstances=place)
        (change,) = held({"a": now}, {"a": pinned}, gates={"a": gate}, kinds={"a": kind}).changes
        assert change.blocks
        assert change.sentence == "error: a number is not finite, so nothing can be compared"


@pytest.mark.parametrize(
    ("now", "pinned"),
    [
        ([1.7e308, 1.7e308], [-1.7e308, -1.7e308]),  # the difference overflows
        ([1.7e308, 1.7e308, -1.7e308], [0.0, 0.0, 0.0]),  # the mean does
        ([0.0, 1.0, 2.0], [-1e200, 1e200, 0.0]),  # the variance does
    ],
)
@pytest.mark.parametrize("gate", ["no-deviation", "none"])
def test_a_comparison_that_leaves_the_finite_numbers_blocks(now, pinned, gate):
    (change,) = held({"a": numbers(*now, place=NEW_TORCH)}, {"a": numbers(*pinned)}, gates={"a": gate}).changes
    assert change.blocks
    assert change.sentence == "error: value: the difference from the baseline is not finite"


def test_a_p_value_that_is_no_number_blocks_and_hides_no_other_claim(monkeypatch):
    monkeypatch.setattr("common.tools.drift.t_cdf", lambda difference, error, degrees: math.nan if difference else 0.5)
    found = held({"a": shifted(1.0), "b": shifted(0.0)}, {name: numbers(*SEEDS) for name in "ab"})
    assert [(change.id, change.blocks) for change in found.changes] == [("toy/a", True)]


def test_a_variance_that_is_no_number_among_samples_blocks():
    pinned = numbers(*SEEDS, other=[1.7e308, -1.7e308, 1.7e308])
    (change,) = held({"a": shifted(0.0, other=[1.7e308, -1.7e308, 1.7e308])}, {"a": pinned}).changes
    assert change.blocks


CELLS = conftest.experiment(rates=(0.1,))
CHECK = order(
    gate="reproduced",
    above=Quantity("table", "score", {"method": "a"}),
    below=Quantity("table", "score", {"method": "b"}),
)
CLAIM = Claim("toy/order", "A toy", "Table 9", "t", "fraction", None, {Tier.SMOKE: CHECK}, {})
MADE = {
    "commit": "abc",
    "dirty": False,
    "versions": {"torch": "2.15", "numpy": "2.4"},
    "machine": {"system": "Linux", "processor": "Abacus 5", "capability": "BEADS", "cores": 2, "threads": 1},
    "device": "cpu",
    "together": "c",
}


def read(change=lambda made, cell, seed: made):
    """Return what the order of the toy rests on, of records whose provenance was changed."""
    records = {
        job: Record(
            Metrics({"score": {"a": 0.9, "b": 0.8}[job.cell.method] + 0.001 * job.seed}),
            1.0,
            change(MADE, job.cell, job.seed),
        )
        for job in CELLS.jobs(Tier.SMOKE)
    }
    results = Results(conftest.study_of(CELLS), records)
    (found,) = check_claims([CLAIM], results)
    return numbers_of(found, results)


def test_the_numbers_of_a_claim_are_its_samples_and_where_they_were_made():
    found = read()
    assert found.verdict is Verdict.REPRODUCED
    assert found.samples == {
        "above": pytest.approx([0.9, 0.901, 0.902, 0.903, 0.904]),
        "below": pytest.approx([0.8, 0.801, 0.802, 0.803, 0.804]),
    }
    assert found.circumstances == {
        "device": "cpu",
        "system": "Linux",
        "processor": "Abacus 5",
        "capability": "BEADS",
        "threads": "1",
        "torch": "2.15",
        "numpy": "2.4",
    }


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("torch", {"versions": {"torch": "2.16", "numpy": "2.4"}}),
        ("numpy", {"versions": {"torch": "2.15", "numpy": "2.5"}}),
        ("device", {"device": "NVIDIA Slide Rule"}),
        *((name, {"machine": MADE["machine"] | {name: "other"}}) for name in ("system", "processor", "capability")),
        ("threads", {"machine": MADE["machine"] | {"threads": 2}}),
        ("MKL_CBWR", {"machine": MADE["machine"] | {"variables": {"MKL_CBWR": "COMPATIBLE"}}}),
        ("company", {"together": "d"}),
    ],
)
def test_each_circumstance_counts_and_is_named_even_in_one_record(name, change):
    assert list(differences(read(lambda made, cell, seed: made | change), read())) == [name]
    one = read(lambda made, cell, seed: made | change if (cell.method, seed) == ("b", 4) else made)
    assert name in differences(one, read())


def test_commit_and_cores_are_no_circumstances():
    other = MADE | {"commit": "def", "dirty": True, "machine": MADE["machine"] | {"cores": 64}}
    assert differences(read(lambda made, cell, seed: other), read()) == {}


def test_differences_are_named_in_words():
    now = numbers(1.0, place={"device": "cpu", "torch": "2.16", "MKL_CBWR": "AVX2"}, company="d")
    assert differences(now, numbers(1.0, place={"device": "cpu", "torch": "2.15 and 2.16"})) == {
        "torch": "torch 2.16 where the accepted run has 2.15 and 2.16",
        "MKL_CBWR": "MKL_CBWR AVX2 where the accepted run has none",
        "company": "jobs are grouped otherwise (which train together, and where) than in the accepted run",
    }
    assert differences(now, now) == {}
    assert differences(now, numbers(1.0, place={}, company="d")).keys() == {UNKNOWN}


def test_which_record_has_which_circumstances_counts():
    even, odd = (
        read(lambda made, cell, seed, side=side: made | {"device": "Slide Rule"} if seed % 2 == side else made)
        for side in (0, 1)
    )
    assert even.circumstances["device"] == odd.circumstances["device"] == "Slide Rule and cpu"
    assert list(differences(even, odd)) == ["company"]


@pytest.mark.parametrize(("experiments", "verdict"), [({}, Verdict.NOT_RUN), ({"table": CELLS}, Verdict.ERROR)])
def test_errors_and_what_was_not_run_have_no_numbers(experiments, verdict):
    results = Results(conftest.study_of(*experiments.values()))
    (found,) = check_claims([CLAIM], results)
    assert numbers_of(found, results) == Numbers(verdict, {}, {}, "")


def test_verdicts_that_flip_are_named_in_the_order_of_the_baseline():
    before = {"a": numbers(1.0), "b": numbers(1.0), "c": numbers(1.0)}
    now = {"d": numbers(1.0), "c": replace(numbers(1.0), verdict=Verdict.INCONCLUSIVE), "a": numbers(2.0)}
    assert flips(now, before) == [
        *("b: reproduced -> undeclared", "c: reproduced -> inconclusive", "d: undeclared -> reproduced")
    ]


def test_without_claims_nothing_changed():
    assert compare([], {}, [accepted({})]).changes == []
