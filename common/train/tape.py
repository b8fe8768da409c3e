"""Numbers that a loop measures as it goes, left on the device until somebody reads them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from common.train.states import State


class Tape:
    """One tensor a name and moment, such as the losses [R] after every epoch; those of one name have one shape."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.moments: dict[str, list[Tensor]] = {}

    def add(self, numbers: Mapping[str, Tensor]) -> None:
        """Take down what was measured at one moment, by name."""
        for name, value in numbers.items():
            self.moments.setdefault(name, []).append(value.detach().clone())

    def __getitem__(self, name: str) -> Tensor:
        """Return all moments of a name, [moments, ...], on the device; raise KeyError where there is none."""
        return torch.stack(self.moments[name])

    def read(self) -> dict[str, Tensor]:
        """Return all moments of all names, [moments, ...] each, on the host."""
        return {name: self[name].cpu() for name in self.moments}

    def state_dict(self) -> State:
        """Return all moments by name."""
        return {name: self[name] for name in self.moments}

    def load_state_dict(self, saved: State) -> None:
        """Go on after these moments."""
        self.moments = {name: list(value.to(self.device)) for name, value in saved.items()}
