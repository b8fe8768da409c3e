"""Every check can decide, or says why it cannot."""

import pytest

from common.experiment import Tier
from common.package import find_packages
from common.tools.power import refusals


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("package", find_packages(), ids=lambda package: package.name)
def test_no_check_is_refused_for_want_of_power(package, tier):
    assert refusals(package, tier) == []
