"""The sizes of Table 2."""

import pytest

from common.models import lenet5_caffe, vgg16_d
from common.models.architecture import architecture
from papers.freezenet.sizes import COUNTED, counts, network_size

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


COUNTS = [  # Tables 2 and 3: network, classes, rate, and what is printed
    (lenet5_caffe, 10, 0.9, {"q_beta_rounded": 0.899, "printed_size": 170.7, "printed_factor": 9.9}),
    (lenet5_caffe, 10, 0.99, {"q_beta_rounded": 0.989, "printed_size": 19.1, "printed_factor": 88.2}),
    (lenet5_caffe, 10, 0.995, {"q_beta_rounded": 0.994, "printed_size": 10.7, "printed_factor": 157.4}),
    (lenet5_caffe, 10, 0.999, {"q_beta_rounded": 0.998, "printed_size": 3.9, "printed_factor": 431.8}),
    (vgg16_d, 100, 0.0, {"trained_parameters_rounded": 15_300_000, "parameters": 15_301_796}),
    (vgg16_d, 100, 0.9, {"trained_parameters_rounded": 1_500_000}),
    (vgg16_d, 100, 0.95, {"trained_parameters_rounded": 780_000}),
    (vgg16_d, 100, 0.99, {"trained_parameters_rounded": 169_000}),
    (vgg16_d, 100, 0.995, {"trained_parameters_rounded": 92_000}),
]


@pytest.mark.parametrize(("builder", "classes", "rate", "printed"), COUNTS)
def test_printed_counts(builder, classes: int, rate: float, printed: dict[str, float]) -> None:
    found = counts(architecture(builder, num_classes=classes), rate)
    assert {name: found[name] for name in printed} == printed
    assert set(found) == set(COUNTED)


def test_counts_by_hand() -> None:
    """VGG16-D for 10 classes has 15,239,872 weights, 5,258 biases and 10,496 scales and shifts of BatchNorm."""
    found = counts(architecture(vgg16_d, num_classes=10), 0.99)
    assert [found[name] for name in ("weights", "biases", "batch_norm")] == [15_239_872, 5_258, 10_496]
    assert found["parameters"] == 15_239_872 + 5_258 + 10_496
    assert found["trainable_weights"] == 152_398
    assert found["trained_parameters"] == 152_398 + 5_258 + 10_496
    assert found["q_beta"] == pytest.approx(1 - (152_398 + 5_258) / (15_239_872 + 5_258), rel=1e-12)
    assert found["exact_size"] == pytest.approx(4 * (152_398 + 5_258) / 1024)


def test_the_number_of_trainable_weights_is_rounded_down() -> None:
    assert counts(architecture(lenet5_caffe), 0.997)["trainable_weights"] == 1_291, "of 1,291.5"


def test_network_size_refuses_a_bad_rate() -> None:
    with pytest.raises(ValueError, match="freezing rate"):
        network_size(430_500, 580, 430_500, 1.0)
