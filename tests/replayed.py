"""A stand-in for a CUDA graph on the CPU: it warms up as one does, and replays by doing the work on captured memory.

With it a training loop shows, without a GPU, that replayed steps are the plain ones: what warming up changes is put
back, nothing that a step takes is left outside its inputs, and generators go on where they were. No kernel is captured.
"""

from contextlib import contextmanager

import pytest
import torch

from common.train import fit, stacking, stages
from common.train.capture import WARM_UPS, Captured


class Replayed:
    """A graph that counts what is asked of it."""

    def __init__(self):
        self.warmed, self.replays = 0, 0
        self.generators = []

    def draw_from(self, generator):
        self.generators.append(generator)

    def warm_up(self, work):
        with torch.random.fork_rng(devices=[]):
            for _ in range(WARM_UPS):
                work()
                self.warmed += 1

    def capture(self, work):
        self.captured = work

    def replay(self):
        self.replays += 1
        self.captured()


def replay_in(module, monkeypatch):
    """Make a module's loops repeat captured steps; return the graphs that it asks for, in a list that grows."""
    graphs = []

    def new_graph():
        graphs.append(Replayed())
        return graphs[-1]

    def repeated(work, state, device, generators=()):
        return Captured(work, state, generators, new_graph)

    monkeypatch.setattr(module, "repeated", repeated)
    return graphs


@contextmanager
def as_on_a_gpu(*loops):
    """Train on this CPU as a GPU would: by replayed steps, in its stacks, with convolutions unfolded.

    `loops` are modules with training loops of their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacking, "unfolds", lambda device: True)
        for module in (fit, stages, *loops):
            replay_in(module, patch)
        yield
