"""Tasks between a transformed source and the plain target (Negative Pretraining Effect, Section 5).

A path removes one nuisance, or two: one after the other, or both at once. A position u goes from 0, the source, to 1,
the target, at equal steps.
"""

from collections.abc import Sequence
from itertools import pairwise

from common.datasets.dataset import DataSet
from papers.sequential_learning.path import Task

LOWEST_BLUR = 0.25  # share of the resolution at the source
LOWEST_CONTRAST = 0.1
WIDEST_SHIFT = 0.5  # share of the image's side

PATHS: dict[str, tuple[tuple[str, ...], ...]] = {
    "blur": (("blur",),),
    "aliased-blur": (("blur",),),
    "contrast": (("contrast",),),
    "shift": (("shift",),),
    "blur-then-contrast": (("blur",), ("contrast",)),
    "contrast-then-blur": (("contrast",), ("blur",)),
    "blur-with-contrast": (("blur", "contrast"),),
    "blur-then-shift": (("blur",), ("shift",)),
    "shift-then-blur": (("shift",), ("blur",)),
    "blur-with-shift": (("blur", "shift"),),
}
"""Which nuisances are removed in each leg of a path; the last six are the two-dimensional paths of Figure 5."""

ALIASED = "aliased-blur"
"""The path whose images are made smaller without antialias: the other reading of a resize."""


def equal_positions(count: int) -> list[float]:
    """Return u_k = k / (N - 1) for N tasks; raise ValueError for fewer than two, which make no path."""
    if count < 2:
        raise ValueError(f"{count} tasks make no path from a source to a target: it takes at least 2")
    return [k / (count - 1) for k in range(count)]


def tasks_along(path: str, positions: Sequence[float], dataset: DataSet) -> list[Task]:
    """Return the tasks at these positions of a path; raises as `levels_along` does."""
    return [
        Task(dataset, at["blur"], at["contrast"], at["shift"], antialias=path != ALIASED or at["blur"] == 1.0)
        for at in levels_along(path, positions)
    ]


def levels_along(path: str, positions: Sequence[float]) -> list[dict[str, float]]:
    """Return, by name, how strong every nuisance is at these positions of a path.

    Raises ValueError for an unknown path, and for positions that do not rise from the source at 0 to the target at 1.
    """
    if path not in PATHS:
        raise ValueError(f"no path {path!r}; there are {', '.join(PATHS)}")
    ends = (positions[0], positions[-1]) if positions else ()
    if ends != (0.0, 1.0) or any(after <= before for before, after in pairwise(positions)):
        raise ValueError(f"a path rises from the source at 0 to the target at 1, not {list(positions)}")
    return [_levels(PATHS[path], position) for position in positions]


def _levels(legs: tuple[tuple[str, ...], ...], position: float) -> dict[str, float]:
    """Return the levels at one position; all legs are equally long."""
    levels = {"blur": 1.0, "contrast": 1.0, "shift": 0.0}
    for number, leg in enumerate(legs):
        progress = min(max(position * len(legs) - number, 0.0), 1.0)
        for nuisance in leg:
            levels[nuisance] = level(nuisance, progress)
    return levels


def level(nuisance: str, progress: float) -> float:
    """Return how strong a nuisance is, from its source end at 0 to none at 1, linear in side, factor and width."""
    if nuisance == "blur":
        return LOWEST_BLUR + (1.0 - LOWEST_BLUR) * progress
    if nuisance == "contrast":
        return LOWEST_CONTRAST + (1.0 - LOWEST_CONTRAST) * progress
    return WIDEST_SHIFT * (1.0 - progress)
