"""Findings as rows of a table."""

from collections.abc import Sequence

from common.claims.judge import Judged
from common.claims.statistics import tidy
from common.claims.verdict import Verdict
from common.claims.words import show, show_gap

ORDER = (
    Verdict.ERROR,
    Verdict.DEVIATES_LOW,
    Verdict.DEVIATES_HIGH,
    Verdict.INCONCLUSIVE,
    Verdict.UNDECIDABLE,
    Verdict.CONSISTENT,
    Verdict.REPRODUCED,
    Verdict.NOT_RUN,
)
"""Verdicts, the worst first."""

HEADERS = ("claim", "source", "paper", "ours", "verdict", "gate", "why")


def worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """Sort findings: those that block first, then by severity, otherwise as declared."""
    return sorted(judged, key=lambda j: (not j.blocks, ORDER.index(j.finding.verdict)))


def row(judged: Judged) -> list[str]:
    """Return claim, source, paper, ours with spread and seeds, verdict, gate, sentence."""
    claim, finding = judged.claim, judged.finding
    compared = [claim.reported.mean] if claim.reported and judged.check.compares(claim.reported) else []
    ours = "-"
    if finding.ours is not None:
        spread = "" if finding.spread is None else f" ± {show_gap(finding.spread, claim)}"
        ours = f"{show(tidy(finding.ours), claim, *compared)}{spread} ({finding.seeds})"
    paper = show(compared[0], claim, *([] if finding.ours is None else [tidy(finding.ours)])) if compared else "-"
    gate = "gates" if judged.check.gate != "none" else ""
    gate = "BLOCKS" if judged.blocks else "watch" if judged.watch else gate
    return [claim.id, claim.source, paper, ours, finding.verdict.value, gate, finding.sentence]
