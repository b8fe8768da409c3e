"""Reads `expectations/<package>.yaml` strictly into claims; every error names file, line and column."""

from collections.abc import Mapping
from pathlib import Path

from common.claims.claim import SPREADS, Check, Claim, Reported
from common.claims.kinds import KINDS
from common.claims.parts import in_unit, positive
from common.claims.strict_yaml import Node, load
from common.code_hash import ROOT
from common.experiment import UNITS, Tier

BOTH = "both"  # in place of the tiers, where their checks are the same


def path_of(package: str) -> Path:
    """Return the expectations file of a package such as `freezenet`."""
    return ROOT / "expectations" / f"{package}.yaml"


def read(path: Path) -> list[Claim]:
    """Return the claims of one file; raise UsageError with file, line and column where it is wrong."""
    shown = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    top = load(path, shown).fields(required=("papers", "claims"))
    papers = {name: value.text() for name, value in top["papers"].mapping().items()}
    claims: dict[str, Claim] = {}
    for entry in top["claims"].items():
        claim = _claim(entry, papers)
        if claim.id in claims:
            raise entry.error(f"claim '{claim.id}' is declared twice, first in line {claims[claim.id].line}")
        claims[claim.id] = claim
    if not claims:
        raise top["claims"].error("no claims declared")
    return list(claims.values())


def _claim(entry: Node, papers: Mapping[str, str]) -> Claim:
    fields = entry.fields(
        required=("id", "source", "statement", "unit"),
        optional=("reported", "untestable", BOTH, *(tier.value for tier in Tier)),
    )
    unit = fields["unit"].choice(*UNITS)
    paper = fields["id"].text().split("/")[0]
    if paper not in papers:
        raise fields["id"].error(f"a claim's id begins with its paper, one of {', '.join(papers)}")
    reported = _reported(fields["reported"], unit) if "reported" in fields else None
    tiers = _tiers(entry, fields)
    if "untestable" in fields:
        untestable = dict.fromkeys(Tier, fields["untestable"].text())
    else:
        untestable = {
            tier: node.fields(("untestable",))["untestable"].text()
            for tier, node in tiers.items()
            if "untestable" in node.mapping()
        }
    return Claim(
        id=fields["id"].text(),
        paper=papers[paper],
        source=fields["source"].text(),
        statement=fields["statement"].text(),
        unit=unit,
        reported=reported,
        checks={tier: _check(node, unit, reported) for tier, node in tiers.items() if tier not in untestable},
        untestable=untestable,
        file=entry.file,
        line=entry.line,
        column=entry.column,
    )


def _tiers(entry: Node, fields: Mapping[str, Node]) -> dict[Tier, Node]:
    """Return where each tier says how it is checked; nothing for a claim that is untestable in all of them."""
    given = [name for name in (BOTH, *(tier.value for tier in Tier)) if name in fields]
    if "untestable" in fields:
        for name in given:
            raise fields[name].error("a claim that is untestable has no checks")
        return {}
    if BOTH in fields:
        for name in given[1:]:
            raise fields[name].error(f"'{BOTH}' stands for the checks of both tiers: drop it, or '{name}'")
        if "untestable" in fields[BOTH].mapping():
            raise fields[BOTH].error("a claim that neither tier can test says 'untestable' itself")
        return dict.fromkeys(Tier, fields[BOTH])
    for tier in Tier:
        if tier.value not in fields:
            raise entry.error(f"field '{tier}' is missing: give a check, or untestable with the reason")
    return {tier: fields[tier.value] for tier in Tier}


def _reported(value: Node, unit: str) -> Reported:
    fields = value.fields(required=("mean", "resolution"), optional=("spread", "spread_is", "seeds"))
    if ("spread" in fields) != ("spread_is" in fields):
        raise value.error(f"'spread' and 'spread_is' ({', '.join(SPREADS)}) go together")
    return Reported(
        mean=in_unit(fields["mean"], unit),
        spread=positive(fields["spread"], unit) if "spread" in fields else None,
        spread_is=fields["spread_is"].choice(*SPREADS) if "spread_is" in fields else None,
        seeds=_seeds(fields["seeds"]) if "seeds" in fields else None,
        resolution=positive(fields["resolution"], unit),
    )


def _seeds(value: Node) -> int | str:
    if value.data == "unknown":
        return "unknown"
    if value.integer() < 1:
        raise value.error("the number of seeds must be at least 1")
    return value.integer()


def _check(node: Node, unit: str, reported: Reported | None) -> Check:
    kind = node.mapping().get("kind")
    if kind is None:
        raise node.error("field 'kind' is missing")
    return KINDS[kind.choice(*KINDS)].parse(node, unit, reported)
