"""The mean test accuracy of the last epochs, by what the arms of a figure differ in (Figures 2 to 10)."""

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

import numpy as np

from common.report.arms import Arms, Runs, mean_and_deviation, summary, values
from common.report.axes import aside, bars, level, line, look, ticks
from papers.plasticity.figures.looks import EQUAL, POINTS, SCRATCH, WARM, control_of, pretrained
from papers.plasticity.settings import Cell
from papers.plasticity.smooth import RATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEST, LONGER_TEST = "test_accuracy", "longer_test_accuracy"


def by_length(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the length of pretraining, where 0 is scratch (Figures 2, 8, 9 and 10)."""
    cells = [control_of(arms), *pretrained(arms)]
    lengths = [cell.pretraining for cell in cells]
    _levels(axes, arms[cells[0]], "scratch, updates of the longest")
    bars(axes, lengths, summary(arms, cells, TEST), WARM)
    axes.set_xscale("symlog", linthresh=1)
    ticks(axes, lengths, [str(length) for length in lengths])
    axes.set_xlabel("epochs of pretraining")


def by_bias(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the epochs' worth of images drawn from the half alone (Figure 3)."""
    gammas = [cell.gamma or 0.0 for cell in arms]
    biased = [biased_epochs(gamma, cell.setting.epochs) for gamma, cell in zip(gammas, arms, strict=True)]
    _levels(axes, arms[next(cell for cell in arms if not cell.gamma)])
    bars(axes, biased, summary(arms, list(arms), TEST), WARM | {"label": "smooth transition"})
    axes.set_xscale("symlog", linthresh=1)
    ticks(axes, biased, [f"{x:.1f}\n{gamma:g}" for x, gamma in zip(biased, gammas, strict=True)])
    axes.set_xlabel(r"epochs of biased sampling, and below them $\gamma$")


def biased_epochs(gamma: float, epochs: int) -> float:
    """Return the integral of 1 - p over a smooth transition, in epochs (Section A.2)."""
    return epochs * (1.0 - gamma**RATE) / (RATE * -log(gamma)) if gamma else 0.0


def by_stages(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the number of pretraining stages, one series a uniform share; 0 is scratch (Figure 4).

    A control trained on has the updates of as many stages as its point stands at.
    """
    control, cells = control_of(arms), pretrained(arms)
    shares = list(dict.fromkeys(cell.uniform for cell in cells))
    for i, uniform in enumerate(shares):
        own = [control, *(cell for cell in cells if cell.uniform == uniform)]
        places = [cell.stages + (aside(i, len(shares)) if cell.stages else 0.0) for cell in own]
        bars(axes, places, summary(arms, own, TEST), {**look(i), "label": f"r = {uniform:g}"})
    longer = [cell for cell in arms if not cell.stages and cell.extra]
    places = [2 * cell.extra / cells[0].pretraining for cell in longer]
    bars(axes, places, summary(arms, longer, LONGER_TEST), {**EQUAL, "marker": "x"})
    bars(axes, [0], summary(arms, [control], TEST), {**SCRATCH, **POINTS, "marker": "s"})
    stages = sorted({cell.stages for cell in arms})
    ticks(axes, stages, [str(count) for count in stages])
    axes.set_xlabel("number of pretraining stages (r: share of the images dealt out uniformly)")


def by_size(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy for every width and depth, scratch beside warm start (Figure 5)."""
    settings = list(dict.fromkeys(cell.setting for cell in arms))
    sizes = [dict(setting.model.arguments) for setting in settings]
    groups = [[cell for cell in arms if cell.setting == own] for own in settings]
    _side_by_side(axes, arms, groups, [f"{size['width']}\n{size['depth']}" for size in sizes])
    axes.set_xlabel("width, and below it depth")


def by_optimizer(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy with every optimizer, scratch beside warm start (Section 2)."""
    names = list(dict.fromkeys(cell.optimizer for cell in arms))
    _side_by_side(axes, arms, [[cell for cell in arms if cell.optimizer == name] for name in names], names)
    axes.set_xlabel("optimizer")


def _side_by_side(axes: "Axes", arms: Arms, groups: Sequence[Sequence[Cell]], labels: Sequence[str]) -> None:
    """Draw the scratch control and the warm start of every group at one place."""
    scratch, warm = ([next(c for c in group if bool(c.stages) == pre) for group in groups] for pre in (False, True))
    series = (
        (scratch, TEST, {**SCRATCH, **POINTS, "marker": "s"}),
        (scratch, LONGER_TEST, {**EQUAL, **POINTS, "marker": "D"}),
        (warm, TEST, {**WARM, **POINTS}),
    )
    for i, (cells, name, own_look) in enumerate(series):
        places = [place + aside(i, 3, 0.18) for place in range(len(cells))]
        bars(axes, places, summary(arms, cells, name), own_look)
    ticks(axes, range(len(groups)), labels)
    axes.set_xlim(-0.5, len(groups) - 0.5)


def by_subset(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy for every subset of groups drawn anew (Figure 6)."""
    cells = pretrained(arms)
    whole = max((cell.reset for cell in cells), key=len)
    _levels(axes, arms[control_of(arms)])
    label = "pretrained, then partly drawn anew"
    bars(axes, range(len(cells)), summary(arms, cells, TEST), {**WARM, **POINTS, "label": label})
    ticks(axes, range(len(cells)), [_subset(cell.reset, whole) for cell in cells])
    axes.set_xlim(-0.5, len(cells) - 0.5)
    axes.set_xlabel("groups drawn anew after pretraining (1 is nearest to the input)")


def _subset(groups: str, whole: str) -> str:
    """Name a run of neighbouring groups, such as 3-6."""
    if len(groups) < 2 or groups == whole:
        return "all" if groups == whole else groups or "none"
    return f"{groups[0]}-{groups[-1]}"


def by_rate(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the tuning rate, one series a pretraining rate, with scratch at the same rate (Figure 7).

    The dotted line is the best of the controls, which does not move with the tuning rate.
    """
    controls, cells = [cell for cell in arms if not cell.stages], pretrained(arms)
    rates = [cell.rate for cell in controls]
    plain = summary(arms, controls, TEST)
    line(axes, rates, plain, SCRATCH | {"label": "scratch at the tuning rate"})
    if any(cell.extra for cell in controls):
        line(axes, rates, summary(arms, controls, LONGER_TEST), EQUAL)
    best = max(plain[0][np.isfinite(plain[0])], default=np.nan)
    axes.axhline(best, **SCRATCH | {"linewidth": 1, "linestyle": ":", "label": "scratch at its best rate"})
    before = list(dict.fromkeys(cell.pretraining_rate for cell in cells))
    for i, rate in enumerate(before):
        own = [cell for cell in cells if cell.pretraining_rate == rate]
        places = [cell.rate * 10 ** (aside(i, len(before)) / 3) for cell in own]
        bars(axes, places, summary(arms, own, TEST), {**look(i), **POINTS, "label": f"pretrained at {rate:g}"})
    axes.set_xscale("log")
    axes.set_xlim(rates[0] / 1.2, rates[-1] * 1.2)
    ticks(axes, rates, [f"{rate:g}" for rate in rates])
    axes.set_xlabel("learning rate of tuning")


def _levels(axes: "Axes", runs: Runs, equal_label: str = EQUAL["label"]) -> None:
    """Draw a control's accuracies as horizontal lines with bands."""
    level(axes, mean_and_deviation(values(runs, TEST)), SCRATCH)
    level(axes, mean_and_deviation(values(runs, LONGER_TEST)), EQUAL | {"label": equal_label})
