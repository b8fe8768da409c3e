"""The files of a report: report.md, report.json and junit.xml."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.provenance import provenance
from common.report.junit import junit
from common.report.markdown import markdown
from common.report.report import Report
from common.report.table import worst_first
from common.run.record import writable, write_atomically


def write(report: Report, folder: Path) -> None:
    """Write the files into the folder; raise UsageError where it cannot be written."""
    writable(folder)
    write_atomically(folder / "report.md", markdown(report))
    write_atomically(folder / "junit.xml", junit(report))
    write_atomically(folder / "report.json", json.dumps(as_json(report), indent=1) + "\n")


def as_json(report: Report) -> dict[str, Any]:
    """Return the whole report as plain values."""
    tier = report.tier
    return {
        "package": report.name,
        "tier": tier.value,
        "part": "; ".join(report.notes),
        "provenance": {
            "report": provenance(),
            "records": {name: dict(counts) for name, counts in report.origins.items()},
        },
        "declared": len(report.claims),
        "untestable": {c.id: c.untestable[tier] for c in report.claims if tier in c.untestable},
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
                "power": j.power,
                **asdict(j.finding),
            }
            for j in worst_first(report.judged)
        ],
    }
