import pytest

from papers.freezenet.table1 import TABLE1
from tests.measured import of_smoke


def test_the_columns_of_table_1():
    standard, pruned, frozen = (of_smoke(TABLE1, method=m) for m in ("standard", "pruned", "freezenet"))
    shares = ("total_share", "stored_share", "sparse_gradients", "sparse_computation")
    assert [standard[name] for name in shares] == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=1e-4)
    assert [pruned[name] for name in shares] == pytest.approx([0.01, 0.01, 1.0, 1.0], abs=1e-4)
    assert [frozen[name] for name in shares] == pytest.approx([1.0, 0.01, 1.0, 0.0], abs=1e-4)
    assert standard["gradient_flow"] == frozen["gradient_flow"] == 1.0
    assert pruned["gradient_flow"] < 0.5
    assert all(found["step_seconds"] > 0 for found in (standard, pruned, frozen))
