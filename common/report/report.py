"""Step 6: verdicts for people: a table on the console, report.md and report.json."""

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tabulate import tabulate

from common.claims.claim import Claim
from common.claims.judge import Judged, fails
from common.claims.statistics import tidy
from common.claims.verdict import Verdict
from common.claims.words import show, show_gap
from common.experiment import Tier
from common.provenance import provenance
from common.report.junit import junit
from common.run.origins import Origins, mixed
from common.run.record import writable, write_atomically

_ORDER = (
    Verdict.ERROR,
    Verdict.DEVIATES_LOW,
    Verdict.DEVIATES_HIGH,
    Verdict.INCONCLUSIVE,
    Verdict.REPRODUCED,
    Verdict.NOT_RUN,
)
NOT_SAID: Origins = MappingProxyType({})
HEADERS = ("claim", "source", "paper", "ours", "verdict", "gate", "why")


def worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """Sort findings: those that block first, then by severity, otherwise as declared."""
    return sorted(judged, key=lambda j: (not j.blocks, _ORDER.index(j.finding.verdict)))


def console(judged: Sequence[Judged], width: int | None = None) -> str:
    """Return the verdict table; claims that were not run are counted, not listed."""
    width = width or shutil.get_terminal_size((160, 24)).columns
    shown = [j for j in worst_first(judged) if j.finding.verdict is not Verdict.NOT_RUN]
    rows = [row(j) for j in shown]
    fixed = [max([len(str(r[i])) for r in rows] or [0]) for i in range(6)]
    room = max(40, width - sum(fixed) - 3 * len(HEADERS))
    wrapped = [[*r[:6], textwrap.fill(r[6], room)] for r in rows]
    return tabulate(wrapped, HEADERS, tablefmt="simple", disable_numparse=True)


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


def summary(judged: Sequence[Judged], claims: Sequence[Claim], tier: Tier) -> str:
    """Return the account of all declared claims, so that none goes missing, and the word of the gate."""
    counts = Counter(j.finding.verdict for j in judged)
    evaluated = len(judged) - counts[Verdict.NOT_RUN]
    untestable = sum(tier in claim.untestable for claim in claims)
    parts = ", ".join(f"{counts[v]} {v.value}" for v in _ORDER if counts[v] and v is not Verdict.NOT_RUN)
    blocking = [j.claim.id for j in judged if j.blocks]
    gating = sum(j.check.gate != "none" and j.finding.verdict is not Verdict.NOT_RUN for j in judged)
    gate = f"gate: passes, none of {gating} gating claims fails"
    if fails(judged):
        gate = f"gate: FAILS on {', '.join(blocking)}" if blocking else "gate: FAILS, for nothing was judged"
    watch = [j.claim.id for j in judged if j.watch and not j.blocks]
    listed = f"watch: {', '.join(watch)}\n" if watch else ""
    return (
        f"{len(claims)} claims declared = {evaluated} evaluated + {counts[Verdict.NOT_RUN]} not run + "
        f"{untestable} untestable in {tier.value}\nevaluated: {parts or 'none'}\n{listed}{gate}"
    )


def write(
    judged: Sequence[Judged],
    claims: Sequence[Claim],
    tier: Tier,
    package: str,
    folder: Path,
    origins: Origins = NOT_SAID,
    part: str = "",
) -> None:
    """Write report.md, report.json and junit.xml into the folder; raise UsageError where it cannot be written.

    `part` says of what the report is, where that is not the run as declared.
    """
    writable(folder)
    note = "\n".join(filter(None, (part, *mixed(origins))))
    write_atomically(folder / "report.md", markdown(judged, claims, tier, package, origins, part))
    write_atomically(folder / "junit.xml", junit(judged, claims, tier, package, note))
    write_atomically(
        folder / "report.json", json.dumps(as_json(judged, claims, tier, package, origins, part), indent=1) + "\n"
    )


def markdown(
    judged: Sequence[Judged],
    claims: Sequence[Claim],
    tier: Tier,
    package: str,
    origins: Origins = NOT_SAID,
    part: str = "",
) -> str:
    """Return the whole report as Markdown; it names what is not the same in all records."""
    rows = [[table_cell(text) for text in row(j)] for j in worst_first(judged)]
    untested = [[c.id, table_cell(c.untestable[tier])] for c in claims if tier in c.untestable]
    note = (
        "Smoke runs on tiny data: these verdicts say whether an effect shows there, "
        "not what the paper's numbers are.\n\n"
        if tier is Tier.SMOKE
        else ""
    )
    note = emphasis(part) + note + "".join(map(emphasis, mixed(origins)))
    return (
        f"# {package}, {tier.value} tier\n\n{note}```\n{summary(judged, claims, tier)}\n```\n\n"
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


def as_json(
    judged: Sequence[Judged],
    claims: Sequence[Claim],
    tier: Tier,
    package: str,
    origins: Origins,
    part: str = "",
) -> dict[str, Any]:
    """Return the whole report as plain values."""
    return {
        "package": package,
        "tier": tier.value,
        "part": part,
        "provenance": {"report": provenance(), "records": {name: dict(counts) for name, counts in origins.items()}},
        "declared": len(claims),
        "untestable": {c.id: c.untestable[tier] for c in claims if tier in c.untestable},
        "claims": [
            {
                "id": j.claim.id,
                "source": j.claim.source,
                "statement": j.claim.statement,
                "unit": j.claim.unit,
                "reported": asdict(j.claim.reported) if j.claim.reported else None,
                "gate": j.check.gate,
                "blocks": j.blocks,
                "watch": j.watch,
                "adjusted": j.adjusted,
                **asdict(j.finding),
            }
            for j in worst_first(judged)
        ],
    }
