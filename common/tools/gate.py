"""The gate: the claims of many papers at once, from the records of a finished run, and against an accepted one.

`python -m common.tools.gate [papers/freezenet ...] [--tier smoke] [--baseline FILE [--accept REASON]]`
"""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from common.claims.claim import Claim
from common.claims.judge import Judged, all_at_once, check_claims, fails
from common.claims.power import with_power
from common.claims.verdict import Verdict
from common.command import Parser, exit_code, to_path
from common.errors import UsageError
from common.experiment import Tier
from common.package import find_packages
from common.provenance import provenance
from common.report import github
from common.report.console import console, summary
from common.report.files import write as write_report
from common.report.report import Report
from common.reproduce import declared_claims, read_results
from common.run.origins import mixed, origins_of
from common.run.record import Record
from common.study import study
from common.tools import baseline
from common.tools.accepted import Accepted, Numbers, last, lightened, pinned, read, write
from common.tools.baseline import Comparison
from common.tools.drift import Change

MOST_MARKS = 10  # GitHub shows no more of a step


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the records and return the exit code: 0 passes, 1 fails, 2 is bad usage or bad input, 130 interrupted."""
    return exit_code(lambda: _gate(_parser().parse_args(arguments)))


def _parser() -> Parser:
    parser = Parser(prog="nox -s gate --", description="Judge the claims of many papers at once.")
    parser.add_argument("papers", nargs="*", help="such as papers/freezenet; default: all")
    parser.add_argument("--tier", choices=[tier.value for tier in Tier], default="smoke")
    parser.add_argument("--results", type=to_path, default=Path("results"), help="records of a finished run")
    parser.add_argument("--baseline", type=to_path, help="file of accepted runs to hold this one against")
    parser.add_argument("--accept", metavar="REASON", help="pin this run as the new baseline, and say why")
    return parser


def _gate(options: argparse.Namespace) -> int:
    reason = None if options.accept is None else " ".join(options.accept.split())
    if reason is not None and (options.baseline is None or not reason):
        raise UsageError("--accept needs a reason, and --baseline the file to write it to")
    tier = Tier(options.tier)
    accepted = _accepted(options.baseline, tier, reason is not None)
    run = judge_all(tier, options.results, options.papers)
    report, folder = run.report, options.results / tier / "gate-report"
    print(console(report.judged))
    print(f"\n{summary(report)}")
    for line in (*report.notes, *mixed(report.origins)):
        print(line)
    write_report(report, folder)
    print(f"report: {folder / 'report.md'}")
    if reason is not None:
        return _accept(options.baseline, accepted, run, reason)
    text, failed = github.job_summary(report), fails(report.judged)
    warnings = _warning("mixed records", mixed(report.origins))
    marks = github.annotations(report.judged)
    if options.baseline is not None:
        comparison = baseline.compare(run.report.judged, run.numbers, accepted, run.among)
        against = _against(accepted, run, comparison, options.baseline)
        print(f"\n{against}")
        text += f"\n```\n{against}\n```\n"
        warnings += _warning("other circumstances", comparison.elsewhere)
        marks += _marks(run.report.judged, comparison.changes)
        failed = failed or comparison.blocks
    github.publish(text, [*warnings, *marks][:MOST_MARKS])
    return 1 if failed else 0


@dataclass(frozen=True)
class Run:
    """A finished run: its findings under one false-alarm rate, and the numbers behind them by package.

    `part` tells whether packages were named, so that it is not the run of all.
    """

    report: Report
    packages: Mapping[str, Mapping[str, Numbers]]
    part: bool

    @property
    def numbers(self) -> dict[str, Numbers]:
        """Return the numbers of all claims."""
        return {id: numbers for claims in self.packages.values() for id, numbers in claims.items()}

    @property
    def among(self) -> list[str] | None:
        """Return the packages to compare; None for all, also such as are no longer there."""
        return list(self.packages) if self.part else None


def judge_all(tier: Tier, folder: Path, named: Sequence[str] = ()) -> Run:
    """Judge the records of the packages named, or of all, under one false-alarm rate."""
    claims: list[Claim] = []
    judged: list[Judged] = []
    numbers: dict[str, dict[str, Numbers]] = {}
    records: list[Record] = []
    for package in find_packages(named):
        declared = declared_claims(package, tier)
        results = read_results(study(package, tier), folder)
        found = check_claims(declared, results)
        twice = {claim.id for claim in claims} & {claim.id for claim in declared}
        if twice:
            raise UsageError(f"two packages declare the claim {min(twice)}")
        claims += declared
        judged += with_power(found, results)
        numbers[package.name] = {j.claim.id: baseline.numbers_of(j, results) for j in found}
        records += results.records.values()
    name, notes = "gate", []
    if named:
        name = f"gate of {_papers(numbers)}"
        notes = [f"judged in part: {_papers(numbers)} alone, no other paper"]
    return Run(Report(name, tier, claims, all_at_once(judged), origins_of(records), notes), numbers, bool(named))


def _papers(names: Iterable[str]) -> str:
    return ", ".join(f"papers/{name}" for name in names)


def _warning(title: str, lines: Sequence[str]) -> list[str]:
    return [github.warning(title, "\n".join(lines))] if lines else []


def _against(accepted: Sequence[Accepted], run: Run, comparison: Comparison, path: Path) -> str:
    """Return what differs from the pinned run, line by line."""
    pins: dict[tuple[str, str], list[str]] = {}
    for package, pin in last(accepted).items():
        if run.among is None or package in run.among:
            pins.setdefault((pin.date, pin.reason), []).append(package)
    several = run.part or len(pins) > 1
    lines = [
        f"{f'{_papers(of)} ' if several else ''}against the run accepted on {date}: {reason}"
        for (date, reason), of in pins.items()
    ]
    lines += [*comparison.elsewhere, comparison.account]
    lines += [f"  verdict {line}" for line in baseline.flips(run.numbers, pinned(accepted, run.among))]
    changes = comparison.changes
    lines += [f"  {'CHANGED' if change.blocks else 'changed'} {change.id}: {change.sentence}" for change in changes]
    blocking = sum(change.blocks for change in changes)
    if not blocking:
        return "\n".join([*lines, "baseline: no gating claim changed"])
    chosen = f"{' '.join(f'papers/{name}' for name in run.packages)} " if run.part else ""
    how = f"where the change is meant: nox -s gate -- {chosen}--baseline {path} --accept 'the reason'"
    return "\n".join([*lines, f"baseline: FAILS, {blocking} gating claims changed", f"  {how}"])


def _marks(judged: Sequence[Judged], changes: Sequence[Change]) -> list[str]:
    """Return the workflow commands that mark the changes which block."""
    declared = {j.claim.id: j for j in judged}
    blocking = [change for change in changes if change.blocks and change.id in declared]
    return [github.command("error", declared[c.id], "changed", c.sentence) for c in blocking]


def _accepted(path: Path | None, tier: Tier, new: bool) -> list[Accepted]:
    """Return the runs of a baseline file; none without a file, which may be absent only where a run is accepted."""
    return [] if path is None or (new and not os.path.lexists(path)) else read(path, tier)


def _accept(path: Path, accepted: Sequence[Accepted], run: Run, reason: str) -> int:
    errors = [id for id, numbers in run.numbers.items() if numbers.verdict is Verdict.ERROR or not numbers.finite]
    if errors:
        raise UsageError(f"a run with errors cannot be accepted: {', '.join(errors[:5])}")
    others = [name for name, pin in last(accepted).items() if pin.packages[name] and name not in run.packages]
    gone: dict[str, dict[str, Numbers]] = {} if run.part else {name: {} for name in others}
    source = provenance()
    commit = source["commit"] + ("+changes" if source["dirty"] is True else "")
    today = datetime.now(UTC).date().isoformat()
    origins = run.report.origins
    added = Accepted(today, commit, reason, origins, {**run.packages, **gone})
    write(path, run.report.tier, lightened([*accepted, added]))
    print(f"\naccepted as {path}: {reason}")
    if run.part:
        print(f"accepted in part: {_papers(run.packages)}; pinned as before: {_papers(others) or 'no other paper'}")
    if accepted:
        for line in baseline.compare(run.report.judged, run.numbers, accepted, run.among).elsewhere:
            print(line)
    before = pinned(accepted, run.among)
    flipped = baseline.flips(run.numbers, before) if before else []
    print("\n".join(f"  verdict {line}" for line in flipped) or "  no verdict flips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
