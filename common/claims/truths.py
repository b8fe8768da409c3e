"""What may be true of a check's numbers, for a simulation to draw them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Truths:
    """True means, differences, rises or rates, as the kind of check has it.

    `true` is that of a true claim, `false` are those of a false one, and `edge` are those where it begins to be false.
    """

    true: float
    false: tuple[float, ...]
    edge: tuple[float, ...]


def possible(found: tuple[float, float], reach: tuple[float, float]) -> tuple[float, ...]:
    """Return those of two numbers that lie within what can be measured; where neither does, the two ends of that."""
    low, high = reach
    return tuple(number for number in found if low < number < high) or (max(found[0], low), min(found[1], high))
