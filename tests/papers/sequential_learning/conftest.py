import pytest
import torch

from papers.sequential_learning import stage
from tests.papers.sequential_learning.tiny import tiny


@pytest.fixture
def tiny_data(monkeypatch):
    """Stand in for data sets, in double precision."""
    monkeypatch.setattr(stage, "image_set", lambda name, folder, device, standardise: tiny(name))


@pytest.fixture
def programs(monkeypatch):
    """Note how many runs every program has."""
    seen = []

    class Noted(stage.Program):
        def __init__(self, models):
            seen.append(len(models))
            super().__init__(models)

    monkeypatch.setattr(stage, "Program", Noted)
    return seen


@pytest.fixture
def batches(monkeypatch):
    """Note every stage's batches, images to train on, images held out, and how it shows them."""
    seen = []

    class Noted(stage._StageTraining):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.epochs = list(self.epochs)
            presented, _ = self.presentation.in_training(self.train)  # the first draws of the stage
            seen.append(
                (
                    torch.stack([torch.stack(list(epoch)) for epoch in self.epochs]),
                    self.train,
                    self.validation,
                    self.test,
                    presented,
                )
            )

    monkeypatch.setattr(stage, "_StageTraining", Noted)
    return seen
