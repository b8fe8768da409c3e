"""Findings for GitHub Actions: annotations on the lines of checks, and the summary of a job."""

import os
from collections.abc import Sequence
from itertools import accumulate

from common.claims.judge import Judged
from common.errors import UsageError
from common.report.console import summary
from common.report.markdown import emphasis, table_cell
from common.report.report import Report
from common.report.table import HEADERS, row, worst_first
from common.run.origins import mixed

_DATA = {ord(character): f"%{ord(character):02X}" for character in "%\r\n"}
_PROPERTY = _DATA | {ord(character): f"%{ord(character):02X}" for character in ":,"}


def annotations(judged: Sequence[Judged], most: int = 10) -> list[str]:
    """Return workflow commands that mark the worst findings in the expectations file.

    Those that block come first, as errors; those that are only on the list to watch are warnings.
    """
    marked = [j for j in worst_first(judged) if j.blocks or j.watch]
    return [_annotation(j) for j in marked[:most]]


def _annotation(judged: Judged) -> str:
    finding = judged.finding
    return command("error" if judged.blocks else "warning", judged, finding.verdict.value, finding.sentence)


def command(level: str, judged: Judged, what: str, sentence: str) -> str:
    """Return the workflow command that marks a claim's check with an `error` or a `warning`."""
    claim = judged.claim
    return (
        f"::{level} file={claim.file.translate(_PROPERTY)},"
        f"line={judged.check.line},title={f'{claim.id}: {what}'.translate(_PROPERTY)}"
        f"::{claim.statement.translate(_DATA)}%0A{sentence.translate(_DATA)}"
    )


def warning(title: str, sentence: str) -> str:
    """Return the workflow command that warns of something which is at no line of a file."""
    return f"::warning title={title.translate(_PROPERTY)}::{sentence.translate(_DATA)}"


def job_summary(report: Report, limit: int = 1_000_000) -> str:
    """Return notes, the account of all claims and the table of findings as Markdown of at most `limit` bytes.

    GitHub refuses more than 1 MiB from a step. Where the table is too long, its last rows are left out and counted;
    the account stays whole, however low the limit.
    """
    notes = "".join(map(emphasis, (*report.notes, *mixed(report.origins))))
    head = (
        f"## {report.name}, {report.tier.value} tier\n\n{notes}```\n{summary(report)}\n```\n\n"
        f"{_line(HEADERS)}{_line(['---'] * len(HEADERS))}"
    )
    rows = [_line([table_cell(text) for text in row(j)]) for j in worst_first(report.judged)]
    sizes = list(accumulate(map(_size, rows), initial=_size(head)))
    last = ""
    for kept in range(len(rows), -1, -1):
        if kept < len(rows):
            last = (
                f"\n{len(rows) - kept} of {len(rows)} rows are left out; all are in "
                f"`{report.tier.value}/gate-report/report.md` in the folder of results.\n"
            )
        if sizes[kept] + _size(last) <= limit:
            break
    return head + "".join(rows[:kept]) + last


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def publish(text: str, lines: Sequence[str]) -> None:
    """Print workflow commands on GitHub Actions, and append a summary to its file; elsewhere do nothing."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in lines:
            print(line)
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with open(path, "a", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"the job's summary {path} cannot be written: {error.strerror}") from None
