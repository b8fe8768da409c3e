import pytest
import torch

from common.train.precision import PRECISIONS, multiplying, used

CPU = torch.device("cpu")


def settings():
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", False), ("tf32", True), ("bf16", True)])
def test_tensor_floats_are_allowed_where_the_recipe_says_so_and_as_before_afterwards(precision, allowed):
    before = settings()
    with multiplying(precision, CPU):
        assert settings() == (allowed, allowed)
    assert settings() == before
    with pytest.raises(RuntimeError, match="inside"), multiplying(precision, CPU):
        raise RuntimeError("inside")
    assert settings() == before


def test_products_run_in_bfloat16_and_weights_stay_in_single_precision():
    layer, inputs = torch.nn.Linear(4, 3), torch.ones(2, 4)
    with multiplying("bf16", CPU):
        assert layer(inputs).dtype == torch.bfloat16
    for precision in ("fp32", "tf32"):
        with multiplying(precision, CPU):
            assert layer(inputs).dtype == torch.float32
    assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_layer_computes_with_the_weights_that_it_has_now(precision):
    layer, inputs = torch.nn.Linear(4, 3, bias=False), torch.ones(2, 4)
    with multiplying(precision, CPU):
        layer(inputs)
        with torch.no_grad():
            layer.weight.fill_(1.0)
        assert (layer(inputs) == 4.0).all()


def test_another_precision_is_refused():
    with (
        pytest.raises(ValueError, match=f"no precision 'fp8'; there are {', '.join(PRECISIONS)}"),
        multiplying("fp8", CPU),
    ):
        pass


def test_a_cpu_knows_no_tensor_floats():
    assert [used(precision, CPU) for precision in PRECISIONS] == ["fp32", "fp32", "bf16"]
    assert [used(precision, torch.device("cuda")) for precision in PRECISIONS] == list(PRECISIONS)
