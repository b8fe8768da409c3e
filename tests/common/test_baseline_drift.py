import math

import pytest

from common import baseline
from common.baseline import Accepted, Numbers, compare
from common.pipeline.check import Judged
from common.pipeline.verdict import Finding, Verdict
from tests.common.pipeline.toy import claim, value


@pytest.mark.parametrize(("gate", "blocks"), [("no-deviation", True), ("none", False)])
def test_a_drift_without_p_value_is_a_change_that_blocks_where_the_claim_gates(monkeypatch, gate, blocks):
    check = value(gate=gate)
    judged = Judged(claim(check), check, Finding(Verdict.REPRODUCED, "s"))
    before = Numbers("reproduced", {"value": [0.5, 0.6, 0.7]}, "there")
    now = Numbers("reproduced", {"value": [0.5, 0.6, 0.8]}, "here")
    monkeypatch.setattr(baseline, "t_cdf", lambda *arguments: math.nan)
    (change,) = compare([judged], {"toy/claim": now}, [Accepted("", "", "", {"toy/claim": before}, {})])
    assert (change.id, change.blocks) == ("toy/claim", blocks)
    assert change.sentence == "value: its differences from the baseline have no p-value"
