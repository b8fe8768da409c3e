"""Anytime Deployment Performance: when to validate, and which state is deployed at a checkpoint (Section 6.1)."""

from bisect import bisect_right

WIDEST_GAP = 10  # steps between two validations, once it has grown


def checkpoints(steps: int) -> list[int]:
    """Return the numbers of updates at which a model is deployed, up to `steps`.

    The Fibonacci sequence 0, 1, 1, 2, 3, 5, ... without its third element, which equals the second. Checkpoint 0 is
    before any update.
    """
    found, ahead = [0, 1], [1, 2]
    while found[-1] < steps:
        found.append(ahead[-1])
        ahead = [ahead[-1], sum(ahead)]
    return [checkpoint for checkpoint in found if checkpoint <= steps]


def validations(steps: int) -> list[int]:
    """Return the numbers of updates after which a model is validated, up to `steps`.

    The gap between two of them grows by one from 1 to 10 and stays there; the first validation is before any update.
    """
    found, gap = [0], 1
    while found[-1] + gap <= steps:
        found.append(found[-1] + gap)
        gap = min(gap + 1, WIDEST_GAP)
    return found


def last_validation(checkpoint: int, validated: list[int]) -> int:
    """Return the last validation at or before a checkpoint: what came after it cannot be deployed there."""
    return validated[bisect_right(validated, checkpoint) - 1]
