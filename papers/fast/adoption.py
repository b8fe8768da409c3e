"""Model adoption: the pretrained classifier goes, a new one comes, and what was learnt stays (Sections 2.2 and 3).

A model is a feature extractor phi(x; theta) -> a in R^D and a classifier z = a W^T without bias (Eq. 3).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Start:
    """How the entries of the appended classifier W(0) [N, D] begin.

    "zero": exactly 0, as FAST has it (Eq. 15). "normal": N(0, spread), the spread a standard deviation. "fan_in" and
    "fan_out": Kaiming's variances 2 / D and 2 / N (Section 5.1).
    """

    kind: str
    spread: float | None = None

    def deviation(self, classes: int, features: int) -> float:
        """Return the standard deviation of an entry of W(0); raise ValueError for an unknown kind."""
        if self.kind == "normal" and self.spread is not None and self.spread >= 0.0:
            return self.spread
        known = {"zero": 0.0, "fan_in": math.sqrt(2.0 / features), "fan_out": math.sqrt(2.0 / classes)}
        if self.kind not in known or self.spread is not None:
            raise ValueError(
                f"no start of a classifier {self}; there are zero, fan_in, fan_out, and normal with a spread"
            )
        return known[self.kind]

    def draw(self, classes: int, features: int, generator: torch.Generator) -> Tensor:
        """Return W(0) [N, D], drawn on the CPU in double precision and rounded."""
        deviation = self.deviation(classes, features)
        return (deviation * torch.randn(classes, features, generator=generator, dtype=torch.float64)).float()


class Adopted(nn.Module):
    """A pretrained extractor with a classifier for the target task; the source classifier is kept beside it.

    The source classifier is no part of the parameters: it is neither trained nor saved, and is only asked what the
    extractor still knows of the source task.
    """

    def __init__(self, extractor: nn.Module, source: nn.Linear | None, weight: Tensor) -> None:
        """Adopt an extractor; `source` maps its features [.., D] to the source classes, `weight` [N, D] is W(0).

        A network that learnt nothing before has no source classifier. Raises ValueError where W(0) does not fit the
        extractor's features.
        """
        super().__init__()
        if weight.dim() != 2 or (source is not None and weight.shape[1] != source.in_features):
            needed = "features" if source is None else source.in_features
            raise ValueError(
                f"a classifier of shape {list(weight.shape)} does not fit {needed} features: "
                f"it needs [classes, {needed}]"
            )
        self.extractor = extractor
        self.classifier = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.classifier.weight.data = weight.clone()
        self._source = (source,)  # in a tuple, so that it is no submodule

    def forward(self, images: Tensor) -> Tensor:
        """Return the target task's logits [.., B, N]."""
        logits: Tensor = self.classifier(self.extractor(images))
        return logits

    @property
    def source(self) -> nn.Linear | None:
        """The classifier of the source task, as it was before adoption."""
        return self._source[0]


def distance(before: Mapping[str, Tensor], extractor: nn.Module) -> Tensor:
    """Return the Euclidean distance that an extractor's parameters travelled (Table 1).

    `before` holds its parameters at adoption; running statistics are no parameters.
    """
    moved = [(value.detach() - before[name]).double().square().sum() for name, value in extractor.named_parameters()]
    return torch.stack(moved).sum().sqrt()
