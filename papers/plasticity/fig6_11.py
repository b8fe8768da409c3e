"""Figures 6 and 11: parts of the network are drawn anew after pretraining (Section A.5)."""

from dataclasses import replace

from papers.plasticity.settings import CIFAR, DIGITS, Cell, Setting, warm
from papers.plasticity.warm_start import control, experiment


def subsets(groups: int) -> tuple[str, ...]:
    """Return all prefixes, suffixes and single groups, each once, the empty one first and the whole one last."""
    numbers = "".join(str(number) for number in range(1, groups + 1))
    prefixes = {numbers[:end] for end in range(groups + 1)}
    suffixes = {numbers[start:] for start in range(groups + 1)}
    return tuple(sorted(prefixes | suffixes | set(numbers), key=lambda subset: (len(subset), subset)))


def resets(setting: Setting, groups: int) -> tuple[Cell, ...]:
    """Return the control and one arm for every subset of groups."""
    return (control(setting), *(replace(warm(setting), reset=subset) for subset in subsets(groups)))


FIG6 = experiment("fig6", "Figs. 6 and 11", resets(DIGITS, 3), resets(CIFAR, 6), 16, 10)
