"""Are the expectations sound, and how much of the papers do they cover? See `python -m common.expectations check`."""

import sys
from collections.abc import Sequence

from tabulate import tabulate

from common.claims.claim import Claim
from common.code_hash import ROOT
from common.command import Parser, exit_code
from common.errors import UsageError
from common.experiment import Tier
from common.package import find_packages
from common.reproduce import declared_claims
from common.tools.power import refusals

HEADERS = (
    "file",
    "claims",
    *(f"{column} {tier}" for tier in Tier for column in ("tested in", "gating in")),
    "untestable",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate every expectations file with its experiments and print the coverage.

    Returns 2 where a file is wrong, or holds a check that cannot decide and does not say so.
    """
    return exit_code(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m common.expectations", description="Validate all expectations.")
    parser.add_argument("command", choices=["check"], help="validate all files and print how much they cover")
    parser.parse_args(arguments)
    rows: list[list[object]] = []
    errors: list[str] = []
    found = find_packages()
    for package in found:
        try:
            for tier in Tier:
                claims = declared_claims(package, tier)
                errors += refusals(package, tier)
            rows.append([f"expectations/{package.name}.yaml", *count(claims)])
        except UsageError as error:
            errors.append(str(error))
    known = {package.name for package in found}
    for path in sorted((ROOT / "expectations").glob("*.yaml")):
        if path.stem not in known:
            errors.append(f"expectations/{path.name}: there is no papers/{path.stem} with a reproduce.py")
    if rows:
        totals = [sum(int(str(row[i])) for row in rows) for i in range(1, len(HEADERS))]
        print(tabulate([*rows, ["all", *totals]], HEADERS))
    for message in errors:
        print(f"error: {message}", file=sys.stderr)
    return 2 if errors else 0


def count(claims: Sequence[Claim]) -> list[int]:
    """Return declared claims, those tested and gating in each tier, and those that no tier can test."""
    found = [len(claims)]
    for tier in Tier:
        checks = [claim.checks[tier] for claim in claims if tier in claim.checks]
        found += [len(checks), sum(check.gate != "none" for check in checks)]
    return [*found, sum(not claim.checks for claim in claims)]


if __name__ == "__main__":
    sys.exit(main())
