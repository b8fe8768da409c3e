"""How the plots name numbers, settings and sources."""

from common.report.arms import Arms
from papers.sequential_learning.frozen_weights.settings import FrozenSetting

SOURCES = {"blur": "blurred images", "tenth": "a tenth of the images", "none": "scratch", "imagenet": "ImageNet"}


def number(value: float) -> str:
    """Write a number in few letters: 5e-4, not 0.0005 or 5e-04."""
    plain, power = f"{value:g}", f"{value:.0e}".replace("e-0", "e-")
    return power if float(power) == value and len(power) < len(plain) else plain


def settings_of(arms: Arms) -> list[FrozenSetting]:
    """Return the settings of a figure, each once."""
    return list(dict.fromkeys(cell.setting for cell in arms))
