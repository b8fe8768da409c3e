"""The sizes of Table 2."""

import pytest

from papers.freezenet.sizes import network_size

# Table 2, LeNet-5-Caffe: q, k = floor((1 - q)|W|), printed size and factor, exact size and factor.
TABLE_2 = [
    (0, 430_500, 1683.9, 1.0, 1683.906, 1.0),
    (0.9, 43_050, 170.7, 9.9, 170.430, 9.88),
    (0.99, 4_305, 19.1, 88.2, 19.082, 88.25),
    (0.995, 2_152, 10.7, 157.4, 10.672, 157.79),
    (0.999, 430, 3.9, 431.8, 3.945, 426.81),
]


@pytest.mark.parametrize(("rate", "trainable", "kb", "factor", "exact_kb", "exact_factor"), TABLE_2)
def test_table_2(rate: float, trainable: int, kb: float, factor: float, exact_kb: float, exact_factor: float) -> None:
    size = network_size(430_500, 580, trainable, rate)
    assert (size.printed_kb, size.printed_factor) == (kb, factor)
    assert round(size.exact_kb, 3) == exact_kb
    assert round(size.exact_factor, 2) == exact_factor


def test_network_size_refuses_a_bad_rate() -> None:
    with pytest.raises(ValueError, match="freezing rate"):
        network_size(430_500, 580, 430_500, 1.0)
