import html
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.claims.claim import Claim
from common.claims.judge import Judged
from common.claims.verdict import Finding, Verdict
from common.errors import UsageError
from common.experiment import Tier
from common.report.github import annotations, job_summary, publish, warning
from common.report.table import row, worst_first
from tests.common.toy import value
from tests.conftest import told

FILE = "expectations/toy.yaml"


def judge(name, verdict, sentence="so it is.", gate="no-deviation", against=None, line=7, **fields):
    statement, file = fields.pop("statement", "a beats b"), fields.pop("file", FILE)
    check = value(gate=gate, line=line)
    claim = Claim(name, "The toy paper", "Table 9", statement, "none", None, {Tier.SMOKE: check}, {}, file, line - 4)
    return Judged(claim, check, Finding(verdict, sentence, 1.0, 0.5, 3, against), **fields)


JUDGED = [
    judge("toy/holds", Verdict.REPRODUCED, "fine.", line=5),
    judge(
        "toy/watched", Verdict.DEVIATES_HIGH, "ours 100 %, too high.", against=0.02, adjusted=0.2, watch=True, line=15
    ),
    judge("toy/low", Verdict.DEVIATES_LOW, "1 | 2,\nthen: 3 %.", against=0.0, adjusted=0.0, watch=True, line=25),
    judge("toy/broken", Verdict.ERROR, "no record_of *a* <job>", line=35),
    judge("toy/harmless", Verdict.ERROR, "no record", gate="none", line=45),
    judge("toy/elsewhere", Verdict.NOT_RUN, "its experiment was not asked for"),
]
CLAIMS = [
    *(j.claim for j in JUDGED),
    Claim("toy/never", "The toy paper", "Table 9", "t", "none", None, {}, {Tier.SMOKE: "no machine"}),
]


def test_annotations_stand_at_the_lines_of_the_checks_worst_first():
    assert annotations(JUDGED) == [
        "::error file=expectations/toy.yaml,line=35,title=toy/broken%3A error::a beats b%0Ano record_of *a* <job>",
        "::error file=expectations/toy.yaml,line=25,title=toy/low%3A deviates-low::a beats b%0A1 | 2,%0Athen: 3 %25.",
        "::warning file=expectations/toy.yaml,line=15,title=toy/watched%3A deviates-high"
        "::a beats b%0Aours 100 %25, too high.",
    ]


def test_of_many_findings_the_worst_ten_are_annotated():
    watched = [judge(f"w{i}", Verdict.DEVIATES_LOW, against=0.02, adjusted=0.9, watch=True) for i in range(20)]
    blocking = [judge(f"b{i}", Verdict.DEVIATES_HIGH) for i in range(4)]
    found = annotations([*watched, *blocking])
    assert [line.split(" ")[0] for line in found] == ["::error"] * 4 + ["::warning"] * 6
    assert [read(line)[1]["title"].split(":")[0] for line in found] == [
        *("b0", "b1", "b2", "b3"),
        *("w0", "w1", "w2", "w3", "w4", "w5"),
    ]
    assert annotations([*watched, *blocking], most=3) == found[:3]
    assert annotations([JUDGED[0], *JUDGED[4:]]) == []


def test_a_warning_without_a_line_names_what_it_is_about():
    assert warning("two: devices", "100 %\nmixed") == "::warning title=two%3A devices::100 %25%0Amixed"


def test_notes_stand_above_the_account_however_low_the_limit():
    text = job_summary(told(JUDGED, CLAIMS, notes=["in part"], origins={"device": {"A|1": 2, "B": 3}}), limit=0)
    line = "**in part.**\n\n**records differ in device: B (3), A&#124;1 (2).**\n\n"
    assert text.startswith(f"## toy, smoke tier\n\n{line}```\n7 claims declared")


def read(line):
    """Return the command, properties and message of a workflow command, by the runner's own rules."""
    assert line.startswith("::")
    head, message = line[2:].split("::", 1)
    command, _, rest = head.partition(" ")
    properties = dict(pair.split("=", 1) for pair in rest.strip().split(",") if pair)
    return command, {name: undo(text, "\r\n:,%") for name, text in properties.items()}, undo(message, "\r\n%")


def undo(text, characters):
    for character in characters:
        text = text.replace(f"%{ord(character):02X}", character)
    return text


HARD = st.text(st.sampled_from("%25AD03C:,\r\n=; é€") | st.characters(), max_size=20)


@settings(deadline=None)
@given(HARD, HARD, HARD, HARD, st.integers(1, 10**6))
@example("%,:\r\n%2C%3A", "%0A%250A\r\n::error::", "::%\r%0D,", "a,b:c%d\r\n", 1)
def test_the_runner_reads_from_a_command_what_was_put_into_it(name, statement, sentence, file, line):
    judged = judge(name, Verdict.INCONCLUSIVE, sentence, "reproduced", statement=statement, file=f"f{file}", line=line)
    (text,) = annotations([judged])
    assert not set(text) & {"\r", "\n"}
    properties = {"file": f"f{file}", "line": str(line), "title": f"{name}: inconclusive"}
    assert read(text) == ("error", properties, f"{statement}\n{sentence}")


GOLDEN = """\
## toy, smoke tier

```
7 claims declared = 5 decided + 0 undecidable + 1 untestable in smoke + 1 not run
decided: 2 error, 1 deviates-low, 1 deviates-high, 1 reproduced
watch: toy/watched
gate: FAILS on toy/low, toy/broken
```

| claim | source | paper | ours | verdict | power | gate | why |
| --- | --- | --- | --- | --- | --- | --- | --- |
| toy/broken | Table 9 | - | 1 ± 0.5 (3) | error | - | BLOCKS | no record_of &#42;a&#42; &#60;job&#62; |
| toy/low | Table 9 | - | 1 ± 0.5 (3) | deviates-low | - | BLOCKS | 1 &#124; 2, then: 3 %. |
| toy/harmless | Table 9 | - | 1 ± 0.5 (3) | error | - |  | no record |
| toy/watched | Table 9 | - | 1 ± 0.5 (3) | deviates-high | - | watch | ours 100 %, too high. |
| toy/holds | Table 9 | - | 1 ± 0.5 (3) | reproduced | - | gates | fine. |
| toy/elsewhere | Table 9 | - | 1 ± 0.5 (3) | not-run | - | gates | its experiment was not asked for |
"""


def test_the_summary_accounts_for_all_claims_and_lists_findings_worst_first():
    assert job_summary(told(JUDGED, CLAIMS)) == GOLDEN


def test_a_summary_without_findings_has_an_empty_table():
    text = job_summary(told([], CLAIMS[-1:]), limit=0)
    assert text.endswith("gate: FAILS, for nothing was judged\n```\n\n" + "\n".join(GOLDEN.splitlines()[9:11]) + "\n")


def test_rows_that_do_not_fit_are_left_out_whole_and_counted():
    whole = GOLDEN.splitlines(keepends=True)
    last = "\n2 of 6 rows are left out; all are in `smoke/gate-report/report.md` in the folder of results.\n"
    shorter = "".join(whole[:-2]) + last
    size = len(shorter.encode())
    assert job_summary(told(JUDGED, CLAIMS), limit=size) == shorter
    assert "\n3 of 6 rows" in job_summary(told(JUDGED, CLAIMS), limit=size - 1)
    size = len(GOLDEN.encode())
    assert job_summary(told(JUDGED, CLAIMS), limit=size) == GOLDEN
    assert "rows are left out" in job_summary(told(JUDGED, CLAIMS), limit=size - 1)


def test_ten_thousand_long_rows_in_any_script_stay_below_what_github_takes():
    sentence = "größer als 100 % — 実験は再現されました 🧪 " * 20
    judged = [judge(f"toy/{i}", Verdict.DEVIATES_LOW, sentence, gate="none") for i in range(10_000)]
    claims = [j.claim for j in judged]
    text = job_summary(told(judged, claims, Tier.FULL, "toy"))
    row = f" | Table 9 | - | 1 ± 0.5 (3) | deviates-low | - |  | {sentence.strip()} |"
    lines = [line for line in text.splitlines() if line.startswith("| toy/")]
    assert lines == [f"| toy/{i}{row}" for i in range(len(lines))]
    one = len(lines[-1].encode()) + 1
    assert 1_000_000 - one < len(text.encode()) <= 1_000_000
    assert text.splitlines()[-1].startswith(f"{10_000 - len(lines)} of 10000 rows are left out; ")
    assert text.splitlines()[-2] == ""


def table(text):
    """Return the cells of a table's rows as they show."""
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in text.split("\n") if line[:2] == "| "]
    return [[html.unescape(cell) for cell in row] for row in rows[2:]]


MARKUP = st.text(st.sampled_from("|\\`*_~<>&[]$# \r\n\v\x85\u2028é€🧪") | st.characters(codec="utf-8"), max_size=40)


@settings(deadline=None)
@given(st.lists(st.tuples(MARKUP, st.sampled_from(list(Verdict))), max_size=8), st.integers(0, 900))
def test_the_rows_that_stay_are_the_worst_and_show_their_text_within_the_limit(found, room):
    judged = [judge(f"toy/{i}", verdict, sentence, gate="reproduced") for i, (sentence, verdict) in enumerate(found)]
    claims = [j.claim for j in judged]
    head = len(job_summary(told(judged, claims), limit=0).encode())
    text = job_summary(told(judged, claims), limit=head + room)
    assert len(text.encode()) <= head + room
    expected = [[" ".join(cell.split()) for cell in row(j)] for j in worst_first(judged)]
    shown = table(text)
    assert shown == expected[: len(shown)]
    left = re.findall(r"^(\d+) of (\d+) rows are left out", text, re.MULTILINE)
    assert left == ([(str(len(found) - len(shown)), str(len(found)))] if len(shown) < len(found) else [])
    assert not re.search(r"[\\`*<>]|[^ ]\|[^ ]", "".join(line for line in text.split("\n") if line[:2] == "| "))


@pytest.fixture
def outside(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("value", [None, "", "false", "1"])
def test_nothing_is_published_elsewhere(value, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    if value is not None:
        monkeypatch.setenv("GITHUB_ACTIONS", value)
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", "")
    publish("text", ["::error::a"])
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("outside")
def test_commands_are_printed_where_github_reads_them(monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    publish("text", ["::error::a", "::warning::é"])
    assert capsys.readouterr() == ("::error::a\n::warning::é\n", "")


@pytest.mark.usefixtures("outside")
def test_summaries_are_appended_to_the_file_of_the_step(monkeypatch, capsys, tmp_path):
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    publish("größer\n", ["::error::a"])
    publish("実験\udc80\n", [])
    assert path.read_bytes() == "größer\n実験?\n".encode()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("outside")
def test_a_summary_that_cannot_be_written_is_an_error_in_plain_words(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UsageError, match="cannot be written: "):
        publish("text", [])
