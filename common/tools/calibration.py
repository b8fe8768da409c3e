"""Is the gate's word good? Simulated gates whose truth is known, judged by the code that judges the real ones.

`nox -s calibrate` prints two tables. False alarms: every claim is true, but only just, and the run should fail at most
5 % of the time. Power: claims are truly on the mark, or truly off by some spreads.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from tabulate import tabulate
from tqdm import tqdm

from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.judge import Judged, all_at_once, check_claims
from common.claims.kinds import Order, Rate, Trend, Value
from common.claims.results import Results
from common.claims.statistics import Array
from common.claims.strict_yaml import Scalar
from common.claims.verdict import Verdict
from common.command import Parser, exit_code, whole_number
from common.experiment import Experiment, Grid, Procedure, Tier
from common.package import Package
from common.study import study

SEEDS = (3, 5, 10, 15)
PAPER_SEEDS = 5
VALUES, ORDERS, TRENDS, RATES = 14, 3, 2, 1  # claims of one simulated gate
MARGIN = 0.01
GATE: dict[str, Any] = {"gate": "no-deviation", "reason": "drawn"}
Draw = Callable[[Generator, float, int], Array]


@dataclass(frozen=True)
class Drawn(Results):
    """Results that were drawn, not run: one array of seeds for each cell number."""

    numbers: Mapping[Scalar, Array] = field(default_factory=dict)

    def values(self, experiment: str, where: Mapping[str, Scalar], metric: str) -> Array:
        """Return the numbers of a cell."""
        return self.numbers[where["cell"]]


@dataclass(frozen=True)
class World:
    """How runs score: `paper` and `ours` draw n scores around a true mean; what the paper prints; the test images."""

    name: str
    mean: float
    paper: Draw
    ours: Draw
    images: int = 10_000
    spread_is: str | None = "sd"
    resolution: float = 0.0001


def normal(spread: float) -> Draw:
    """Return a world of scores with a normal spread."""
    return lambda rng, mean, n: np.clip(rng.normal(mean, spread, n), 0.0, 1.0)


def counted(images: int) -> Draw:
    """Return a world whose scores count right answers among few images."""
    return lambda rng, mean, n: rng.binomial(images, mean, n) / images


def collapsing(spread: float, often: float) -> Draw:
    """Return a world where a share of all runs ends at chance; the mean is that over all runs."""

    def draw(rng: Generator, mean: float, n: int) -> Array:
        trained = (mean - 0.1 * often) / (1.0 - often)
        return np.where(rng.random(n) < often, 0.1, np.clip(rng.normal(trained, spread, n), 0.0, 1.0))

    return draw


WORLDS = (
    World("equal spreads", 0.93, normal(0.005), normal(0.005)),
    World("ours spread 4 times as far", 0.93, normal(0.0025), normal(0.01)),
    World("the paper's spread 4 times as far", 0.93, normal(0.01), normal(0.0025)),
    World("no spread printed", 0.93, normal(0.005), normal(0.005), spread_is=None),
    World("± not explained", 0.93, normal(0.005), normal(0.005), spread_is="unknown"),
    World("printed to one digit", 0.93, normal(0.005), normal(0.005), resolution=0.01),
    World("near the ceiling, 360 images", 0.985, counted(360), counted(360), images=360),
    World("one run in ten collapses", 0.85, collapsing(0.005, 0.1), collapsing(0.005, 0.1)),
)


def simulate(world: World, seeds: int, offset: float, rng: Generator, shares: bool = True) -> list[Judged]:
    """Judge one gate whose values truly lie `offset` from the paper's, on either side.

    With `shares`, it also holds orders whose true gap is the least one, flat trends, and rates at their bound.
    """
    claims: list[Claim] = []
    numbers: dict[Scalar, Array] = {}
    for i in range(VALUES):
        numbers[len(claims)] = world.ours(rng, world.mean + (offset if i % 2 else -offset), seeds)
        claims.append(_value_claim(len(claims), world, world.paper(rng, world.mean, PAPER_SEEDS)))
    if shares:
        for _ in range(ORDERS):
            cell = len(claims)
            numbers[cell] = world.ours(rng, world.mean, seeds)
            numbers[-cell] = world.ours(rng, world.mean - MARGIN, seeds)
            claims.append(_claim(cell, Order(**GATE, above=_cell(cell), below=_cell(-cell), least_gap=MARGIN)))
        for _ in range(TRENDS):
            cell = len(claims)
            points = tuple(1000 * cell + i for i in range(4))
            numbers |= {point: world.ours(rng, world.mean, seeds) for point in points}
            flat = Quantity("drawn", "score", {})
            trend = Trend(**GATE, quantity=flat, along="cell", points=points, direction="rising")
            claims.append(_claim(cell, trend))
        for _ in range(RATES):
            cell = len(claims)
            numbers[cell] = rng.integers(0, 2, seeds).astype(np.float64)
            claims.append(_claim(cell, Rate(**GATE, quantity=_cell(cell), event_above=0.5, at_least=0.5)))
    experiment = Experiment("drawn", "", Procedure("drawn", _never, {}, _never), smoke=Grid((), seeds))
    return all_at_once(
        check_claims(claims, Drawn(study(Package("drawn", [experiment], _never), Tier.SMOKE), numbers=numbers))
    )


def _never(*arguments: object) -> Any:
    raise AssertionError("drawn results are not run")


def _cell(cell: int) -> Quantity:
    return Quantity("drawn", "score", {"cell": cell})


def _value_claim(cell: int, world: World, printed: Array) -> Claim:
    mean = round(float(printed.mean()) / world.resolution) * world.resolution
    spread = float(printed.std(ddof=1)) if world.spread_is else None
    reported = Reported(mean, spread, world.spread_is, PAPER_SEEDS, world.resolution)
    check = Value(**GATE, quantity=_cell(cell), margin=MARGIN, images=world.images)
    return _claim(cell, check, reported)


def _claim(cell: int, check: Check, reported: Reported | None = None) -> Claim:
    return Claim(f"drawn/{cell}", "drawn", "", "", "fraction", reported, {Tier.SMOKE: check}, {})


@dataclass(frozen=True)
class Tally:
    """Shares over many gates: gates that block, and claims called deviating and reproduced."""

    alarms: float
    deviating: float
    reproduced: float


def tally(gates: Iterable[Sequence[Judged]]) -> Tally:
    """Count what happened to simulated gates, and to the value claims in them."""
    alarms, deviating, reproduced = [], [], []
    for judged in gates:
        values = [j.finding.verdict for j in judged if j.check.kind == "value"]
        alarms.append(any(j.blocks for j in judged))
        deviating.append(np.mean([v in (Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH) for v in values]))
        reproduced.append(np.mean([v is Verdict.REPRODUCED for v in values]))
    return Tally(float(np.mean(alarms)), float(np.mean(deviating)), float(np.mean(reproduced)))


def false_alarms(gates: int, seed: int) -> str:
    """Return a table of what happens where all claims are true at the margin's edge."""
    rows = []
    for world, seeds in tqdm([(w, n) for w in WORLDS for n in SEEDS], disable=not sys.stderr.isatty()):
        rng = np.random.default_rng([seed, seeds, WORLDS.index(world)])
        found = tally(simulate(world, seeds, MARGIN, rng) for _ in range(gates))
        rows.append(
            [world.name, seeds, *(f"{100 * x:.1f} %" for x in (found.alarms, found.deviating, found.reproduced))]
        )
    headers = ("world", "seeds", "gates that fail", "claims called deviating", "claims called reproduced")
    return tabulate(rows, headers, tablefmt="github")


def power(gates: int, seed: int) -> str:
    """Return a table of what happens where claims are on the mark, or beyond the margin by some spreads."""
    rows = []
    world = WORLDS[0]
    for spreads in tqdm((None, 1, 2, 3, 5), disable=not sys.stderr.isatty()):
        for seeds in SEEDS:
            rng = np.random.default_rng([seed, seeds, spreads or 0])
            offset = 0.0 if spreads is None else MARGIN + 0.005 * spreads
            found = tally(simulate(world, seeds, offset, rng, shares=False) for _ in range(gates))
            truth = "on the mark" if spreads is None else f"{spreads} spread{'s' * (spreads > 1)} beyond the margin"
            rows.append(
                [truth, seeds, *(f"{100 * x:.1f} %" for x in (found.reproduced, found.deviating, found.alarms))]
            )
    headers = ("truth", "seeds", "claims called reproduced", "claims called deviating", "gates that fail")
    return tabulate(rows, headers, tablefmt="github")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables and return the exit code."""
    return exit_code(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s calibrate --", description="Simulate gates whose truth is known.")
    gates, state = whole_number(1, 10_000_000), whole_number(0, 2**63)
    parser.add_argument("--gates", type=gates, default=1000, help="simulated gates for each row (default 1000)")
    parser.add_argument("--random-state", type=state, default=0, help="the same number draws the same gates")
    options = parser.parse_args(arguments)
    claims = VALUES + ORDERS + TRENDS + RATES
    print(f"{options.gates} gates of {claims} claims a row, all true at the margin's edge; at most 5 % may fail:\n")
    print(false_alarms(options.gates, options.random_state))
    print(f"\n{options.gates} gates of {VALUES} value claims a row:\n")
    print(power(options.gates, options.random_state))
    return 0


if __name__ == "__main__":
    sys.exit(main())
