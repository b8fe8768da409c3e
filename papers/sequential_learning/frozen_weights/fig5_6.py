"""Figures 5 and 6: weight decays and rates of pretraining and of retraining, and what goes with a good target loss."""

from dataclasses import replace

from papers.sequential_learning.frozen_weights.arms import Retrained
from papers.sequential_learning.frozen_weights.procedures import experiment
from papers.sequential_learning.frozen_weights.settings import (
    ALL_CNN,
    RATES,
    RESNET,
    RETRAINED,
    WEIGHT_DECAYS,
    FrozenSetting,
)

SMALL_WEIGHT_DECAYS = (0.0, 1e-3, 1e-2)
SMALL_RATES = (0.01, 0.05, 0.1)


def by_weight_decay(setting: FrozenSetting, weight_decays: tuple[float, ...]) -> tuple[Retrained, ...]:
    """Return arms with equal weight decays, and with the lowest one in pretraining alone (Figure 5 left)."""
    equal = [(own, own) for own in weight_decays]
    lower = [(weight_decays[0], own) for own in weight_decays[1:]]
    return tuple(
        Retrained(setting, "blur", source_weight_decay=before, weight_decay=after) for before, after in equal + lower
    )


def by_rate(setting: FrozenSetting, rates: tuple[float, ...]) -> tuple[Retrained, ...]:
    """Return arms with equal rates, and with the lowest one in pretraining alone (Figure 5 right)."""
    equal = [(own, own) for own in rates]
    lower = [(rates[0], own) for own in rates[1:]]
    return tuple(Retrained(setting, "blur", source_rate=before, rate=after) for before, after in equal + lower)


def all_of(setting: FrozenSetting, weight_decays: tuple[float, ...], rates: tuple[float, ...]) -> tuple[Retrained, ...]:
    """Return the arms of Figure 5, each once; those that share their pretraining, which is done once, lie together."""
    arms = dict.fromkeys((*by_weight_decay(setting, weight_decays), *by_rate(setting, rates)))
    return tuple(sorted(arms, key=lambda arm: (arm.source_weight_decay, arm.source_rate)))


def aggregated(arms: tuple[Retrained, ...]) -> tuple[Retrained, ...]:
    """Return arms, and the same ones pretrained on a tenth of the sharp images (Figure 6)."""
    return arms + tuple(replace(arm, source="tenth") for arm in arms)


SMALL = all_of(RETRAINED, SMALL_WEIGHT_DECAYS, SMALL_RATES)

FIG5 = experiment(
    "frozen_fig5",
    "Mutually Frozen Weights, Fig. 5",
    SMALL,
    tuple(arm for net in (RESNET, ALL_CNN) for arm in all_of(net, WEIGHT_DECAYS, RATES)),
    seeds=5,
    full_seeds=6,
)
FIG6 = experiment(
    "frozen_fig6",
    "Mutually Frozen Weights, Fig. 6",
    aggregated(SMALL),
    aggregated(all_of(RESNET, WEIGHT_DECAYS, RATES)),
    seeds=5,
    full_seeds=6,
)
