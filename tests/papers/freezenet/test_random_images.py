import torch

from common.models.weights import weight_tensors
from papers.freezenet.random_images import LENET_300_100, Cell, case

CELL = Cell(LENET_300_100, "freezenet", 0.99)


def test_every_seed_has_its_own_images_and_weights():
    found, other, again = (case(CELL, seed) for seed in (0, 1, 0))
    assert other.seed != found.seed
    for field in ("inputs", "targets"):
        assert torch.equal(getattr(again, field), getattr(found, field))
        assert not torch.equal(getattr(other, field), getattr(found, field))
    for name, weight in weight_tensors(found.model).items():
        assert torch.equal(weight_tensors(again.model)[name], weight)
        assert not torch.equal(weight_tensors(other.model)[name], weight)
