import torch

from common.models.weights import weight_tensors
from papers.freezenet import backflow
from papers.freezenet.backflow import BACKFLOW
from papers.freezenet.random_images import case
from tests.measured import of_smoke


def test_what_flows_back_through_a_last_layer_of_zeros_is_of_smoke(monkeypatch):
    """The same network without zeros has a gradient in front of its last layer."""
    cases = []
    monkeypatch.setattr(backflow, "case", lambda *of: cases.append(case(*of)) or cases[-1])
    assert of_smoke(BACKFLOW)["largest_gradient_before"] == 0.0
    *before, last = weight_tensors(cases[0].model).values()
    assert not last.any()
    assert all(weight.any() for weight in before)
    monkeypatch.setattr(torch.Tensor, "zero_", lambda tensor: tensor)
    assert of_smoke(BACKFLOW)["largest_gradient_before"] > 0.0
