import torch

from common.models import initialise, parameter_counts
from common.models.small_cnn import FEATURES, small_cnn
from common.train.stacking import stackable


def test_parameter_counts():
    assert parameter_counts(small_cnn()).total == 13_152
    assert parameter_counts(small_cnn(batch_norm=0)).total == 13_056


def test_shapes_and_stacking():
    for batch_norm in (0, 1):
        model = small_cnn(batch_norm=batch_norm)
        initialise(model, "kaiming_uniform", 0)
        assert model(torch.zeros(5, 1, 8, 8)).shape == (5, FEATURES)
        assert stackable(model, torch.device("cpu"))
