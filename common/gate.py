"""The gate: all claims of all papers at once, from the records of a finished run, and against an accepted one.

`python -m common.gate [--tier smoke] [--baseline FILE [--accept REASON]]`
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from common import baseline, packages
from common.baseline import Accepted, Change, Numbers
from common.command import Parser, exit_code, to_path
from common.errors import UsageError
from common.expectations import Claim
from common.experiment import DECLARED, Tier
from common.pipeline import declared_claims, github, read_results, report
from common.pipeline.check import Judged, all_at_once, check_claims, fails
from common.pipeline.verdict import Verdict

MOST_MARKS = 10  # GitHub shows no more of a step


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the records and return the exit code: 0 passes, 1 fails, 2 is bad usage or bad input, 130 interrupted."""
    return exit_code(lambda: _gate(_parser().parse_args(arguments)))


def _parser() -> Parser:
    parser = Parser(prog="nox -s gate --", description="Judge all claims of all papers at once.")
    parser.add_argument("--tier", choices=[tier.value for tier in Tier], default="smoke")
    parser.add_argument("--results", type=to_path, default=Path("results"), help="records of a finished run")
    parser.add_argument("--baseline", type=to_path, help="file of accepted runs to hold this one against")
    parser.add_argument("--accept", metavar="REASON", help="pin this run as the new baseline, and say why")
    return parser


def _gate(options: argparse.Namespace) -> int:
    if options.accept is not None and (options.baseline is None or not options.accept.strip()):
        raise UsageError("--accept needs a reason, and --baseline the file to write it to")
    tier = Tier(options.tier)
    claims, judged, now, devices = judge_all(tier, options.results)
    folder, several = options.results / tier / "gate-report", report.mixed(devices)
    print(report.console(judged))
    print(f"\n{report.summary(judged, claims, tier)}")
    if several:
        print(several)
    report.write(judged, claims, tier, "gate", folder, devices)
    print(f"report: {folder / 'report.md'}")
    if options.accept is not None:
        return _accept(options.baseline, tier, now, devices, options.accept.strip())
    text, failed = github.job_summary(judged, claims, tier, "gate", several), fails(judged)
    warnings = [github.warning("mixed devices", several)] if several else []
    marks = github.annotations(judged)
    if options.baseline is not None:
        accepted = baseline.read(options.baseline, tier)
        changes = baseline.compare(judged, now, accepted)
        elsewhere = baseline.elsewhere(now, devices, accepted[-1])
        against = _against(accepted, now, changes, elsewhere)
        print(f"\n{against}")
        text += f"\n```\n{against}\n```\n"
        warnings += [github.warning("another device", elsewhere)] if elsewhere else []
        marks += _marks(judged, changes)
        failed = failed or any(change.blocks for change in changes)
    github.publish(text, [*warnings, *marks][:MOST_MARKS])
    return 1 if failed else 0


def judge_all(tier: Tier, folder: Path) -> tuple[list[Claim], list[Judged], dict[str, Numbers], dict[str, int]]:
    """Return all claims of the packages, their findings under one false-alarm rate, and the numbers behind them.

    Last come the devices of all records, with their numbers of records.
    """
    claims: list[Claim] = []
    judged: list[Judged] = []
    now: dict[str, Numbers] = {}
    devices: Counter[str] = Counter()
    for package in packages.find():
        declared = declared_claims(package, tier)
        results = read_results(package, package.experiments, tier, DECLARED, folder, {})
        found = check_claims(declared, results)
        twice = {claim.id for claim in claims} & {claim.id for claim in declared}
        if twice:
            raise UsageError(f"two packages declare the claim {min(twice)}")
        claims += declared
        judged += found
        now |= {j.claim.id: baseline.numbers_of(j, results) for j in found}
        devices.update(report.devices_of(results.records.values()))
    return claims, all_at_once(judged), now, dict(devices)


def _against(accepted: Sequence[Accepted], now: dict[str, Numbers], changes: Sequence[Change], elsewhere: str) -> str:
    """Return what differs from the pinned run, line by line."""
    lines = [f"against the run accepted on {accepted[-1].date}: {accepted[-1].reason}"]
    lines += [elsewhere] if elsewhere else []
    lines += [f"  verdict {line}" for line in baseline.flips(now, accepted)]
    lines += [f"  {'CHANGED' if change.blocks else 'changed'} {change.id}: {change.sentence}" for change in changes]
    blocking = sum(change.blocks for change in changes)
    if not blocking:
        return "\n".join([*lines, "baseline: no gating claim changed"])
    how = "where the change is meant: nox -s gate -- --baseline FILE --accept 'the reason'"
    return "\n".join([*lines, f"baseline: FAILS, {blocking} gating claims changed", f"  {how}"])


def _marks(judged: Sequence[Judged], changes: Sequence[Change]) -> list[str]:
    """Return the workflow commands that mark the changes which block."""
    declared = {j.claim.id: j for j in judged}
    blocking = [change for change in changes if change.blocks and change.id in declared]
    return [github.command("error", declared[c.id], "changed", c.sentence) for c in blocking]


def _accept(path: Path, tier: Tier, now: dict[str, Numbers], devices: dict[str, int], reason: str) -> int:
    errors = [id for id, numbers in now.items() if numbers.verdict == Verdict.ERROR]
    if errors:
        raise UsageError(f"a run with errors cannot be accepted: {', '.join(errors[:5])}")
    accepted: list[Accepted] = baseline.read(path, tier) if path.exists() else []
    lines = baseline.flips(now, accepted)
    elsewhere = baseline.elsewhere(now, devices, accepted[-1]) if accepted else ""
    baseline.accept(path, tier, accepted, now, devices, reason)
    print(f"\naccepted as {path}: {reason}")
    if elsewhere:
        print(elsewhere)
    print("\n".join(f"  verdict {line}" for line in lines) or "  no verdict flips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
