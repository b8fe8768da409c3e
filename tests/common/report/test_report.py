import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from common.claims.claim import Claim, Quantity, Reported
from common.claims.judge import Judged, all_at_once, check_claims, fails
from common.claims.results import Results
from common.claims.verdict import Finding, Verdict
from common.errors import UsageError
from common.experiment import Job, Metrics, Tier
from common.provenance import provenance
from common.report.console import console, summary
from common.report.files import write
from common.report.junit import junit
from common.report.markdown import markdown, table_cell
from common.report.table import HEADERS, ORDER, row, worst_first
from common.run.record import Record
from tests import conftest
from tests.common.toy import value
from tests.conftest import told


def claim(name, check=None, reported=None, unit="fraction"):
    checks, untestable = ({Tier.SMOKE: check}, {}) if check else ({}, {Tier.SMOKE: "needs a | large machine"})
    return Claim(f"toy/{name}", "A toy paper", "Table 9", "a statement", unit, reported, checks, untestable)


def check(name, rate, gate, experiment="table"):
    quantity = Quantity(experiment, "score", {"method": name, "rate": rate})
    return value(gate=gate, quantity=quantity, expected=0.8, margin=0.02, images=10_000)


CLAIMS = [
    claim("holds", check("a", 0.1, "reproduced"), Reported(0.8, 0.001, "sd", 5, 0.01)),
    claim("weak", check("a", 0.2, "none")),
    claim("broken", check("b", 0.1, "no-deviation")),
    claim("low", check("b", 0.2, "no-deviation"), Reported(0.8, None, None, None, 0.01)),
    claim("elsewhere", check("a", 0.1, "reproduced", "other")),
    claim("never"),
]
SCORES = {("a", 0.1): [0.80, 0.81], ("a", 0.2): [0.70, 0.90], ("b", 0.1): [0.5, float("nan")], ("b", 0.2): [0.5, 0.5]}


@pytest.fixture
def judged():
    records = {
        Job(conftest.TOY, conftest.Cell(*cell), seed): Record(Metrics({"score": score}), 1.0, {})
        for cell, scores in SCORES.items()
        for seed, score in enumerate(scores)
    }
    results = Results(conftest.study_of(conftest.experiment(seeds=2)), records)
    return all_at_once(check_claims(CLAIMS, results))


SUMMARY = """\
6 claims declared = 4 decided + 0 undecidable + 1 untestable in smoke + 1 not run
decided: 1 error, 1 deviates-low, 2 inconclusive
gate: FAILS on toy/holds, toy/broken, toy/low"""

LOW = (
    "ours 50.00 % ± 0.00 points (2 seeds), expected 80.00 %; difference -30.00 points, "
    "90 % interval -32.23 points to -27.77 points, below ±2.00 points: deviates-low."
)


def test_the_summary_accounts_for_every_claim(judged):
    assert summary(told(judged, CLAIMS)) == SUMMARY
    assert fails(judged)


def test_the_console_lists_what_was_judged_worst_first(judged):
    lines = console(judged, width=400).splitlines()
    assert lines[0].split() == list(HEADERS)
    assert [line.split()[0] for line in lines[2:]] == ["toy/broken", "toy/low", "toy/holds", "toy/weak"]
    assert (
        lines[3] == f"toy/low     Table 9   -        50.00 % ± 0.00 points (2)   deviates-low  -        BLOCKS  {LOW}"
    )
    assert lines[2].split()[:9] == ["toy/broken", "Table", "9", "-", "-", "error", "-", "BLOCKS", "job"]


def test_a_narrow_console_wraps_the_last_column_only(judged):
    lines = console(judged, width=80).splitlines()
    start = lines[0].index("why")
    assert all(len(line) <= start + 40 for line in lines)
    low = next(i for i, line in enumerate(lines) if line.startswith("toy/low"))
    last = next(i for i, line in enumerate(lines) if line.startswith("toy/holds"))
    assert " ".join(line[start:].strip() for line in lines[low:last]) == LOW
    assert all(line[:start].strip() == "" for line in lines[low + 1 : last])


def test_the_report_in_markdown(judged):
    text = markdown(told(judged, CLAIMS))
    assert text.startswith(
        "# toy, smoke tier\n\nSmoke runs on tiny data: these verdicts say whether an effect shows there, "
        f"not what the paper's numbers are.\n\n```\n{SUMMARY}\n```\n\n| claim "
    )
    (row,) = (line for line in text.splitlines() if line.startswith("| toy/low"))
    cells = ["toy/low", "Table 9", "-", "50.00 % ± 0.00 points (2)", "deviates-low", "-", "BLOCKS", LOW]
    assert [cell.strip() for cell in row.strip("|").split("|")] == cells
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| toy/")]
    assert rows == [f"toy/{name}" for name in ("broken", "low", "holds", "weak", "elsewhere", "never")]
    assert text.endswith("\n\n## Not testable in smoke\n\n" + _table("toy/never", "needs a &#124; large machine"))
    assert "tiny data" not in markdown(told([], CLAIMS, Tier.FULL, "toy"))


def _table(name, why):
    wide, long = len(name), len(why)
    return f"| {'claim':{wide}} | {'why':{long}} |\n|{'-' * (wide + 2)}|{'-' * (long + 2)}|\n| {name} | {why} |\n"


def test_the_report_in_json(judged, tmp_path, monkeypatch):
    monkeypatch.setattr("common.report.files.provenance", lambda: {"commit": "abc"})
    write(told(judged, CLAIMS), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "report.json", "report.md"]
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == markdown(told(judged, CLAIMS))
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8") == junit(told(judged, CLAIMS))
    found = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    claims = found.pop("claims")
    assert found == {
        "package": "toy",
        "tier": "smoke",
        "part": "",
        "provenance": {"report": {"commit": "abc"}, "records": {}},
        "declared": 6,
        "untestable": {"toy/never": "needs a | large machine"},
    }
    assert [entry["id"] for entry in claims] == ["toy/broken", "toy/low", "toy/holds", "toy/weak", "toy/elsewhere"]
    # on the angle scale, with the spread of 10000 images; the far bound lies four points further
    gaps = np.arcsin(np.sqrt([0.78, 0.82])) - np.arcsin(0.5**0.5)
    p = stats.t.sf(gaps / (0.25 / 10_000 / 2) ** 0.5, 1).sum()
    assert claims[1] == {
        "id": "toy/low",
        "source": "Table 9",
        "statement": "a statement",
        "unit": "fraction",
        "reported": {"mean": 0.8, "spread": None, "spread_is": None, "seeds": None, "resolution": 0.01},
        "gate": "no-deviation",
        "blocks": True,
        "watch": True,
        "adjusted": pytest.approx(2 * p),
        "power": None,
        "verdict": "deviates-low",
        "sentence": LOW,
        "ours": 0.5,
        "spread": 0.0,
        "seeds": 2,
        "against": pytest.approx(p),
        "settle": None,
        "consistent": None,
        "too_few": False,
    }


def test_a_report_that_cannot_be_written_is_refused(judged, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="file cannot be written"):
        write(told(judged, CLAIMS), tmp_path / "file")


OUTCOMES = st.tuples(st.sampled_from(["none", "no-deviation", "reproduced"]), st.sampled_from(list(Verdict)))


def judge_all(outcomes):
    checks = [value(gate=gate) for gate, _ in outcomes]
    claims = [claim(str(i), check) for i, check in enumerate(checks)]
    return claims, [
        Judged(c, check, Finding(verdict, "s")) for c, check, (_, verdict) in zip(claims, checks, outcomes, strict=True)
    ]


@settings(deadline=None)
@given(st.lists(OUTCOMES), st.integers(0, 3))
def test_no_claim_goes_missing_and_the_word_of_the_gate_fits(outcomes, untestable):
    claims, judged = judge_all(outcomes)
    claims += [claim(f"never-{i}") for i in range(untestable)]
    account, decided, gate = summary(told(judged, claims)).splitlines()
    declared, run, apart, never, missing = (int(word) for word in account.split() if word.isdigit())
    assert declared == len(claims) == run + apart + never + missing
    verdicts = [verdict for _, verdict in outcomes]
    counted = verdicts.count(Verdict.UNDECIDABLE), untestable, verdicts.count(Verdict.NOT_RUN)
    assert (apart, never, missing) == counted
    assert sum(int(word) for word in decided.split() if word.isdigit()) == run
    assert gate.startswith("gate: FAILS") is fails(judged) is (any(j.blocks for j in judged) or run + apart == 0)


@settings(deadline=None)
@given(st.lists(OUTCOMES))
def test_worst_first_is_a_stable_sort_with_what_blocks_at_the_head(outcomes):
    _, judged = judge_all(outcomes)
    found = worst_first(judged)
    assert sorted(map(id, found)) == sorted(map(id, judged))
    ranks = [(not j.blocks, ORDER.index(j.finding.verdict)) for j in found]
    assert ranks == sorted(ranks)
    for rank in set(ranks):
        same = [int(j.claim.id.removeprefix("toy/")) for j, r in zip(found, ranks, strict=True) if r == rank]
        assert same == sorted(same)


def test_a_run_in_which_all_gating_claims_hold_passes():
    claims, judged = judge_all([("reproduced", Verdict.REPRODUCED), ("none", Verdict.ERROR)])
    assert not fails(judged)
    assert summary(told(judged, claims)).endswith("\ngate: passes, none of 1 gating claims fails")


def test_what_deviates_without_blocking_is_on_the_list_to_watch():
    check = value(gate="no-deviation")
    found = [claim(str(i), check) for i in range(20)]
    p = [0.004, 0.0001, *[1.0] * 18]
    judged = all_at_once(
        [Judged(c, check, Finding(Verdict.DEVIATES_LOW, "s", against=q)) for c, q in zip(found, p, strict=True)]
    )
    assert summary(told(judged, found)).splitlines()[2:] == ["watch: toy/0", "gate: FAILS on toy/1"]
    assert [row(j)[6] for j in judged[:3]] == ["watch", "BLOCKS", "gates"]
    assert [j.claim.id for j in worst_first(judged)][:2] == ["toy/1", "toy/0"]


def test_the_power_of_a_check_stands_beside_its_verdict():
    (judged,) = judge_all([("none", Verdict.INCONCLUSIVE)])[1]
    assert row(judged)[4:6] == ["inconclusive", "-"]
    assert row(replace(judged, power=0.2))[4:6] == ["inconclusive", "20 %"]


def test_a_run_that_judged_nothing_fails():
    claims, judged = judge_all([("reproduced", Verdict.NOT_RUN)])
    assert summary(told(judged, claims)) == (
        "1 claims declared = 0 decided + 0 undecidable + 0 untestable in smoke + 1 not run\n"
        "decided: none\ngate: FAILS, for nothing was judged"
    )


def test_what_is_not_the_same_in_all_records_is_named_in_the_report(judged, tmp_path):
    origins = {"torch": {"2.13.0": 2, "2.15.0": 30}, "numpy": {"2.4.6": 32}, "device": {"cpu": 16, "NVIDIA |": 16}}
    lines = ["records differ in torch: 2.15.0 (30), 2.13.0 (2)", "records differ in device: cpu (16), NVIDIA | (16)"]
    write(told(judged, CLAIMS, origins=origins), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert all(f"**{table_cell(line)}.**\n" in text for line in lines)
    assert "numpy" not in text
    found = json.loads((tmp_path / "report.json").read_text())["provenance"]
    assert found == {"report": provenance(), "records": origins}
    junit = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "<system-out>{}\n{}</system-out>".format(*lines) in junit
    for one in ({}, {"torch": {"2.15.0": 32}}):
        assert "records differ" not in markdown(told(judged, CLAIMS, Tier.FULL, origins=one))
