"""The one training loop: stretches of steps, a look after each, and a checkpoint to go on from.

All that papers train differently enters as an argument: what a step does, which images and rates it is given, what is
looked at and how often, and when to stop. Nothing is read back to the host between two looks.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from common.seeds import global_draws, stream
from common.train.capture import Step, repeated
from common.train.checkpoint import NOWHERE, Checkpoint
from common.train.program import Program
from common.train.states import State, set_states, states

Stretch = Sequence[Sequence[Tensor]]
"""The steps between two looks: the inputs of each, such as indices int64 [R, B] of images, on the device."""


class Stateful(Protocol):
    """What changes in training and is saved with it."""

    def state_dict(self) -> State:
        """Return all that it goes on from."""
        ...

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        ...


class Update(Stateful, Protocol):
    """What turns gradients into a step; `buffers` are the tensors that it changes beside the parameters."""

    @property
    def buffers(self) -> Sequence[Tensor]:
        """All tensors that a step changes beside the parameters."""
        ...

    def count_step(self) -> None:
        """Begin a step, on the host."""
        ...


@dataclass(frozen=True)
class Training:
    """What a loop trains, and how.

    `step` maps the inputs of one step to the loss of each run, [R], and updates the program in place, by `update`; a
    GPU repeats it by itself unless it decides something on the host (`captured` is False). `keeps` are further things
    whose state is saved, by name. `draws` are the generators that a step draws from; `dropout` seeds what networks draw
    by themselves, afresh for every stretch.
    """

    program: Program
    update: Update
    step: Step
    keeps: Mapping[str, Stateful] = field(default_factory=dict)
    draws: Sequence[torch.Generator] = ()
    dropout: int | None = None
    captured: bool = True

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return next(iter(self.program.parameters.values())).device

    def state_dict(self) -> State:
        """Return all that training goes on from."""
        kept = {name: part.state_dict() for name, part in self.keeps.items()}
        return {
            "program": self.program.module.state_dict(),
            "update": self.update.state_dict(),
            "draws": states(self.draws),
            "keeps": kept,
        }

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        self.program.load(saved["program"])
        self.update.load_state_dict(saved["update"])
        set_states(self.draws, saved["draws"])
        for name, part in self.keeps.items():
            part.load_state_dict(saved["keeps"][name])

    def repeated(self) -> Step:
        """Return the step as the device does it best."""
        changed = [*self.program.module.state_dict().values(), *self.update.buffers]
        return repeated(self.step, changed, self.device, self.draws) if self.captured else self.step

    def drawing(self, stretch: int) -> AbstractContextManager[None]:
        """Seed what networks draw by themselves in a stretch, counted from 0; it follows from the seed alone."""
        if self.dropout is None:
            return nullcontext()
        return global_draws(stream(self.dropout, f"epoch {stretch}"), self.device)


Look = Callable[[int, Tensor | None], bool]
"""Looks at the program after so many stretches, with the mean loss of the last one's steps, [R]; says whether to stop.

It is called before the first stretch too, with 0 and None.
"""


def train(training: Training, stretches: Iterable[Stretch], look: Look, checkpoint: Checkpoint = NOWHERE) -> float:
    """Walk through all stretches, in place, and return the seconds that this took, interruptions left out.

    What the checkpoint holds is not trained again: stretches must be the same when they are drawn again, for those that
    are done are passed over.
    """
    started, done = time.perf_counter(), 0
    if (begun := checkpoint.begun()) is not None:
        training.load_state_dict(begun["training"])
        started, done = started - begun["seconds"], begun["done"]
    else:
        look(0, None)
    step = training.repeated()
    for number, stretch in enumerate(islice(stretches, done, None), start=done + 1):
        training.program.module.train()
        total = torch.zeros(training.program.runs, device=training.device)
        with training.drawing(number - 1):
            for inputs in stretch:
                training.update.count_step()
                total += step(inputs)
        if look(number, total / len(stretch)):
            break
        checkpoint.save(partial(_state, training, number, started))
    return time.perf_counter() - started


def _state(training: Training, done: int, started: float) -> State:
    return {"training": training.state_dict(), "done": done, "seconds": time.perf_counter() - started}
