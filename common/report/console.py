"""Findings on a terminal: the table of verdicts, and the account of all claims."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence

from tabulate import tabulate

from common.claims.judge import Judged, fails
from common.claims.verdict import Verdict
from common.report.report import Report
from common.report.table import HEADERS, ORDER, row, worst_first


def console(judged: Sequence[Judged], width: int | None = None) -> str:
    """Return the verdict table; claims that were not run are counted, not listed."""
    width = width or shutil.get_terminal_size((160, 24)).columns
    shown = [j for j in worst_first(judged) if j.finding.verdict is not Verdict.NOT_RUN]
    rows = [row(j) for j in shown]
    fixed = [max([len(str(r[i])) for r in rows] or [0]) for i in range(6)]
    room = max(40, width - sum(fixed) - 3 * len(HEADERS))
    wrapped = [[*r[:6], textwrap.fill(r[6], room)] for r in rows]
    return tabulate(wrapped, HEADERS, tablefmt="simple", disable_numparse=True)


def summary(report: Report) -> str:
    """Return the account of all declared claims, so that none goes missing, and the word of the gate."""
    judged, claims, tier = report.judged, report.claims, report.tier
    counts = Counter(j.finding.verdict for j in judged)
    apart = (Verdict.UNDECIDABLE, Verdict.NOT_RUN)
    decided = len(judged) - sum(counts[verdict] for verdict in apart)
    untestable = sum(tier in claim.untestable for claim in claims)
    parts = ", ".join(f"{counts[v]} {v.value}" for v in ORDER if counts[v] and v not in apart)
    blocking = [j.claim.id for j in judged if j.blocks]
    gating = sum(j.check.gate != "none" and j.finding.verdict is not Verdict.NOT_RUN for j in judged)
    gate = f"gate: passes, none of {gating} gating claims fails"
    if fails(judged):
        gate = f"gate: FAILS on {', '.join(blocking)}" if blocking else "gate: FAILS, for nothing was judged"
    watch = [j.claim.id for j in judged if j.watch and not j.blocks]
    listed = f"watch: {', '.join(watch)}\n" if watch else ""
    return (
        f"{len(claims)} claims declared = {decided} decided + {counts[Verdict.UNDECIDABLE]} undecidable + "
        f"{untestable} untestable in {tier.value} + {counts[Verdict.NOT_RUN]} not run\n"
        f"decided: {parts or 'none'}\n{listed}{gate}"
    )
