from torch import nn

from common.models import lenet5_caffe, lenet_300_100
from common.models.operations import forward_operations


def test_operations_by_hand():
    assert forward_operations(lenet_300_100(), (1, 28, 28)) == 2 * (784 * 300 + 300 * 100 + 100 * 10)
    conv = 24 * 24 * 20 * 25 + 8 * 8 * 50 * 20 * 25
    assert forward_operations(lenet5_caffe(), (1, 28, 28)) == 2 * (conv + 800 * 500 + 500 * 10)


def test_no_hook_stays_behind():
    model = nn.Sequential(nn.Linear(3, 2))
    assert forward_operations(model, (3,)) == forward_operations(model, (3,)) == 12
