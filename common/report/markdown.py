"""Findings as Markdown."""

from tabulate import tabulate

from common.experiment import Tier
from common.report.console import summary
from common.report.report import Report
from common.report.table import HEADERS, row, worst_first
from common.run.origins import mixed


def markdown(report: Report) -> str:
    """Return the whole report; it names what is not the same in all records."""
    tier = report.tier
    rows = [[table_cell(text) for text in row(j)] for j in worst_first(report.judged)]
    untested = [[c.id, table_cell(c.untestable[tier])] for c in report.claims if tier in c.untestable]
    note = (
        "Smoke runs on tiny data: these verdicts say whether an effect shows there, "
        "not what the paper's numbers are.\n\n"
        if tier is Tier.SMOKE
        else ""
    )
    note = emphasis("; ".join(report.notes)) + note + "".join(map(emphasis, mixed(report.origins)))
    return (
        f"# {report.name}, {tier.value} tier\n\n{note}```\n{summary(report)}\n```\n\n"
        + tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True)
        + f"\n\n## Not testable in {tier.value}\n\n"
        + tabulate(untested, ("claim", "why"), tablefmt="github", disable_numparse=True)
        + "\n"
    )


def emphasis(sentence: str) -> str:
    """Return a paragraph of Markdown in bold, or nothing for no sentence."""
    return f"**{table_cell(sentence)}.**\n\n" if sentence else ""


_MARKUP = {ord(character): f"&#{ord(character)};" for character in "&<>|\\`*"}


def table_cell(text: str) -> str:
    """Return text that stays in its cell of a Markdown table and shows as it is."""
    return " ".join(text.split()).translate(_MARKUP)
