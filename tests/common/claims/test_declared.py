from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.claims.claim import Claim, Quantity
from common.claims.declared import require_fit
from common.claims.read import read
from common.claims.results import Results
from common.claims.verdict import Verdict
from common.errors import UsageError
from common.experiment import NOTHING, Tier
from tests import conftest
from tests.common.claims.test_judge import DEVIATIONS
from tests.common.toy import ALONG, claim, exact, find, one, order, quantity, rate, trend, value


def declarations(seeds=5, also=()):
    """Return Results without records of `table` and of other experiments by name."""
    experiments = {"table": conftest.experiment(seeds=seeds)}
    experiments |= {name: conftest.experiment(name) for name in also}
    return Results(conftest.study_of(*experiments.values()))


def placed(read, line, column):
    """Return a quantity that stands in this line and column, its parts in columns behind; nothing as it is."""
    if read is None:
        return None
    parts = {name: placed(getattr(read, name), line, column + 20) for name in ("minus", "divided_by")}
    return replace(read, line=line, column=column, **parts)


def declared(*checks):
    """Return a claim for each check: they stand in lines 10, 11, ..., in column 7, and what they read in column 17."""
    found = []
    for line, check in enumerate(checks, start=10):
        read = {name: placed(side, line, 17) for name, side in check.sides.items()}
        found.append(claim(replace(check, line=line, column=7, **read), name=str(line - 10)))
    return found


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
        (
            value(quantity=quantity("c")),
            "0 cells of table (smoke) fit method = c, rate = 0.1; one is needed: method is never c; it is a, b",
        ),
        (
            value(quantity=quantity(rate=None)),
            "3 cells of table (smoke) fit method = a; one is needed: they differ in rate (0.1, 0.2, 0.3)",
        ),
        (
            value(quantity=Quantity("table", "score", {})),
            "6 cells of table (smoke) fit no condition; one is needed: they differ in method (a, b), rate (0.1, 0.2, ",
        ),
        (
            value(quantity=Quantity("table", "score", {"metod": "redo"})),
            "0 cells of table (smoke) fit metod = redo; one is needed: there is no field 'metod'; there are method, "
            "rate, setting.name",
        ),
        (
            replace(RANGE, points=(0.1, 0.7)),
            "0 cells of table (smoke) fit rate = 0.7, method = a; one is needed: rate is never 0.7; it is 0.1, 0.2, ",
        ),
        (
            value(quantity=Quantity("table", "loss", {"method": "a", "rate": 0.1})),
            "table does not measure 'loss'; it measures score, validation_accuracy",
        ),
        (
            order(above=Quantity("table", "score", {}, against="loss"), below=0.0),
            "table does not measure 'loss'; it measures score, validation_accuracy",
        ),
        (
            order(above=Quantity("table", "score", {"method": "a"}, against="validation_accuracy"), below=0.0),
            "3 cells of table (smoke) fit method = a; a correlation takes at least 4",
        ),
        (
            order(above=Quantity("table", "score", {"metod": "a"}, against="validation_accuracy"), below=0.0),
            "0 cells of table (smoke) fit metod = a; a correlation takes at least 4: there is no field 'metod'; there ",
        ),
        (order(below=quantity("c")), "0 cells of table (smoke) fit method = c, rate = 0.1; one is needed"),
    ],
)
def test_a_check_of_what_is_not_declared_is_refused_where_it_reads_it(check, words):
    assert refused([exact(equals=1.0), check]).startswith(f"11:17: toy/1: {words}")


@pytest.mark.parametrize("relation", ["minus", "divided_by"])
def test_a_part_of_a_quantity_that_is_not_declared_is_refused_where_it_stands(relation):
    check = value(quantity=quantity(**{relation: quantity("c")}))
    assert refused([check]).startswith(
        "10:37: toy/0: 0 cells of table (smoke) fit method = c, rate = 0.1; one is needed"
    )


def test_places_are_those_of_the_file(tmp_path):
    path = tmp_path / "toy.yaml"
    for old, new in (
        ("method: b}}", "method: c}}"),
        ("metric: score, cell: {method: a, rate", "metric: loss, cell: {rate"),
    ):
        assert conftest.CLAIMS.count(old) == 1
        path.write_text(conftest.CLAIMS.replace(old, new))
        with pytest.raises(UsageError) as error:
            require_fit(read(path), declarations(), "toy.yaml")
        line, column = (int(part) for part in str(error.value).split(":")[1:3])
        assert path.read_text().splitlines()[line - 1][column - 1 :].startswith("{experiment: table, metric: ")
        assert new in path.read_text().splitlines()[line - 1]


SAME = quantity("a", 0.1)
ELSEWHERE = Quantity("table", "score", {"rate": 0.1, "setting.name": "toy", "method": "a"})


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (order(above=SAME, below=SAME), "'above' and 'below' are the same"),
        (order(above=SAME, below=ELSEWHERE), "'above' and 'below' are the same"),
        (
            order(above=quantity(rate=None), below=quantity(rate=0.2), **ALONG),
            "at rate = 0.2: 'above' and 'below' are the same",
        ),
        (
            order(above=replace(SAME, minus=quantity("b")), below=replace(ELSEWHERE, minus=quantity("b"))),
            "'above' and 'below' are the same",
        ),
        (value(quantity=replace(SAME, minus=ELSEWHERE)), "a quantity minus itself is always 0"),
        (exact(quantity=replace(SAME, divided_by=ELSEWHERE), equals=1.0), "a quantity divided by itself is always 1"),
        (
            trend(quantity=quantity(rate=None, minus=quantity(rate=0.3))),
            "at rate = 0.3: a quantity minus itself is always 0",
        ),
        (
            value(quantity=quantity("b", minus=replace(SAME, divided_by=ELSEWHERE))),
            "a quantity divided by itself is always 1",
        ),
    ],
)
def test_what_compares_a_number_with_itself_is_refused(check, words):
    assert refused([check]) == f"10:7: toy/0: {words}"


@pytest.mark.parametrize(
    "check",
    [
        order(above=SAME, below=replace(SAME, metric="validation_accuracy")),
        order(above=SAME, below=replace(SAME, experiment="other")),
        order(above=replace(SAME, minus=quantity("b")), below=replace(SAME, minus=quantity("b", 0.2))),
        value(quantity=replace(SAME, minus=quantity("b"), divided_by=SAME)),
        value(quantity=replace(SAME, minus=replace(SAME, metric="validation_accuracy"))),
    ],
)
def test_what_compares_two_numbers_is_let_through(check):
    found = declarations(also=["other"])
    found.experiments["other"] = replace(found.experiments["other"], procedure=conftest.procedure(conftest.reading))
    require_fit(declared(check, exact(quantity=quantity("b", experiment="other"), equals=1.0)), found, "toy.yaml")


def test_claims_of_other_tiers_need_no_declaration_in_this_one():
    full = Claim("toy/full", "p", "s", "s", "ratio", None, {Tier.FULL: value(quantity=quantity("c"))}, {})
    require_fit([claim(exact(equals=1.0)), full], declarations(), "toy.yaml")


def test_an_experiment_that_no_claim_reads_is_refused():
    found = [replace(entry, line=3, column=5) for entry in declared(exact(equals=1.0), exact(equals=2.0))]
    words = "toy.yaml:3:5: no claim reads the smoke experiment 'other': add one, or drop it"
    with pytest.raises(UsageError, match=f"^{words}$"):
        require_fit(found, declarations(also=["other"]), "toy.yaml")
    accept([exact(equals=1.0), exact(quantity=quantity("b", experiment="other"), equals=1.0)], also=["other"])
    accept([order(below=quantity("b", experiment="other"))], also=["other"])
    accept([value(quantity=quantity(divided_by=quantity("b", experiment="other")))], also=["other"])


def test_an_experiment_without_cells_in_the_tier_needs_no_claim():
    found = declarations(also=["other"])
    found.experiments["other"] = replace(found.experiments["other"], smoke=NOTHING)
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
def test_a_gate_that_its_seeds_can_never_open_is_refused_with_its_place(check, least):
    strict = replace(check, gate="reproduced")
    accept([strict], seeds=least)
    if least > 1:
        assert refused([strict], seeds=least - 1) == (
            f"10:7: toy/0: {least - 1} seeds can never show this claim, so it cannot gate as 'reproduced'"
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
def test_a_gate_that_its_seeds_can_never_close_among_so_many_is_refused_with_its_place(check, seeds, most):
    loose = replace(check, gate="no-deviation")
    others = [value(gate="no-deviation"), *[exact(equals=1.0, gate="reproduced")] * 9, *[value()] * 9]
    accept([loose, *[others[0]] * (most - 1), *others[1:]], seeds=seeds)
    assert refused([loose, *[others[0]] * most], seeds=seeds) == (
        f"10:7: toy/0: {seeds} seeds can never contradict this claim among {most + 1} gating ones, so 'no-deviation' "
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


@pytest.mark.parametrize("unit", ["count", "kilobytes", "seconds"])
def test_a_claim_in_another_unit_than_the_metric_is_refused(unit):
    own = replace(declared(exact(equals=1.0))[0], unit=unit)
    with pytest.raises(UsageError, match=f"the claim is in '{unit}', but table measures score in 'fraction'"):
        require_fit([own], declarations(), "toy.yaml")


@pytest.mark.parametrize("unit", ["fraction", "ratio", "none"])
def test_a_claim_in_the_metrics_unit_or_in_none_of_its_own_is_accepted(unit):
    require_fit([replace(declared(exact(equals=1.0))[0], unit=unit)], declarations(), "toy.yaml")


def test_a_quotient_has_a_unit_of_its_own():
    check = exact(quantity=quantity(divided_by=quantity("b")), equals=1.0)
    require_fit([replace(declared(check)[0], unit="count")], declarations(), "toy.yaml")
