"""The numbers of one check, read once: those of every side at every point, one a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.claims.statistics import Array
from common.claims.strict_yaml import Scalar

Point = Mapping[str, Scalar]
"""The condition of one point of a range, such as {rate: 0.5}; empty where a check has no range."""


@dataclass(frozen=True)
class Numbers:
    """What one side of a check measured at one point.

    `values` [seeds] holds one number a seed; a band is one alone. `chosen` is the place of the run that counts alone
    where the best one is meant. `parts` are the two sides of a difference, [seeds] each.
    """

    values: Array
    chosen: int | None = None
    parts: tuple[Array, Array] | None = None

    @property
    def kept(self) -> Array:
        """Return the numbers that count: that of the best run alone where it is meant."""
        return self.values if self.chosen is None else self.values[[self.chosen]]


@dataclass(frozen=True)
class At:
    """A point of a range, and the numbers of each side there by the side's name."""

    point: Point
    sides: Mapping[str, Numbers]


@dataclass(frozen=True)
class Reading:
    """The numbers of a check at all points of its range.

    `failed` says why those of a point cannot be trusted, the first such point; `points` are then the others.
    """

    points: Sequence[At] = ()
    failed: str = ""

    def values(self, side: str) -> list[Array]:
        """Return the numbers of one side, an array [seeds] for each point."""
        return [at.sides[side].values for at in self.points]

    def samples(self) -> dict[str, Array]:
        """Return all numbers that count, [seeds] each, by a name that says where they come from."""
        found: dict[str, Array] = {}
        for at in self.points:
            for side, numbers in at.sides.items():
                where = [f"{key} = {value}" for key, value in at.point.items()]
                name = ", ".join([*where, *([] if side == "quantity" else [side])])
                found[name or "value"] = numbers.kept
        return found
