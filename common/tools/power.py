"""What every check can decide: its chances where its claim is true, false and at the edge, the worst first.

`python -m common.tools.power [papers/freezenet ...] [--tier smoke]`; `python -m common.expectations check` refuses what
cannot decide.
"""

import sys
from collections.abc import Iterable, Sequence

from tabulate import tabulate
from tqdm import tqdm

from common.claims.power import Ability, abilities
from common.claims.results import Results
from common.command import Parser, exit_code
from common.experiment import Tier
from common.package import Package, find_packages
from common.reproduce import declared_claims
from common.study import study

HEADERS = (
    "claim",
    "tier",
    "kind",
    "seeds",
    "true: shown",
    "false: contradicted or not shown",
    "edge: shown",
    "edge: contradicted",
    "what",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and return the exit code: 0, or 1 where a check cannot decide and does not say so."""
    return exit_code(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s power --", description="Show what every check can decide.")
    parser.add_argument("papers", nargs="*", help="such as papers/freezenet; default: all")
    parser.add_argument("--tier", choices=[tier.value for tier in Tier], help="default: both")
    options = parser.parse_args(arguments)
    tiers = [Tier(options.tier)] if options.tier else list(Tier)
    packages = find_packages(options.papers)
    found = [(tier, ability) for package in packages for tier in tiers for ability in of(package, tier)]
    found.sort(key=lambda entry: _rank(entry[1]))
    print(tabulate([_row(*entry) for entry in found], HEADERS, disable_numparse=True))
    undecidable = sum(bool(ability.check.undecidable) for _, ability in found)
    weak = sum(bool(ability.weakness) for _, ability in found)
    print(f"\n{undecidable} of {len(found)} checks say that they are undecidable")
    print(f"{weak} of {len(found)} checks cannot decide")
    return 1 if weak else 0


def of(package: Package, tier: Tier) -> Iterable[Ability]:
    """Return what the checks of a package can decide in a tier; raise UsageError where claims are not sound."""
    claims = declared_claims(package, tier)
    declared = Results(study(package, tier))
    return tqdm(abilities(claims, declared), f"{package.name} {tier}", leave=False, disable=not sys.stderr.isatty())


def refusals(package: Package, tier: Tier) -> list[str]:
    """Return a sentence with file, line and column for every check that cannot decide."""
    return [
        f"{a.claim.file}:{a.check.line}:{a.check.column}: {a.claim.id} ({tier}): {a.weakness}"
        for a in of(package, tier)
        if a.weakness
    ]


def _rank(ability: Ability) -> tuple[bool, float]:
    """Return what sorts checks: those without power first, then by the smaller of the two chances that decide."""
    found = ability.power
    return found is not None, min(found.true.shown, ability.clear) if found else 0.0


def _row(tier: Tier, ability: Ability) -> list[str]:
    found = ability.power
    shares = [found.true.shown, ability.clear, found.edge.shown, found.edge.denied] if found else []
    chances = [f"{100 * share:.0f} %" for share in shares] or ["-"] * 4
    why = f"undecidable: {ability.check.undecidable}" if ability.check.undecidable else ability.weakness
    return [ability.claim.id, tier.value, ability.check.kind, str(ability.seeds), *chances, why]


if __name__ == "__main__":
    sys.exit(main())
