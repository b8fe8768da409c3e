import pytest

from common.claims.claim import Claim
from common.claims.declared import require_fit
from common.claims.read import path_of, read
from common.claims.results import Results
from common.experiment import Tier
from common.study import study
from papers.freezenet.reproduce import PACKAGE


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read(path_of("freezenet"))


def test_all_claims_of_the_paper_are_there_once_some_in_several_parts(claims: list[Claim]) -> None:
    ids = [claim.id for claim in claims]
    assert len(ids) == len(set(ids)) == 152 + 17
    assert all(name.startswith("freezenet/") for name in ids)


@pytest.mark.parametrize("tier", Tier)
def test_claims_and_experiments_fit_each_other(claims: list[Claim], tier: Tier) -> None:
    require_fit(claims, Results(study(PACKAGE, tier)), "expectations/freezenet.yaml")


def test_counts_and_sizes_are_checked_alike_in_both_tiers(claims: list[Claim]) -> None:
    for claim in claims:
        checks = [claim.checks[tier] for tier in Tier if tier in claim.checks]
        if any(q.experiment == "sizes" for check in checks for q in check.quantities):
            smoke, full = ((check.quantity, check.along, check.points, check.equals, check.gate) for check in checks)
            assert smoke == full, claim.id
            assert claim.reported is not None
            assert checks[0].equals == claim.reported.mean, claim.id
