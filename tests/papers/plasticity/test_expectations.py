import pytest

from common.claims.claim import Claim
from common.claims.declared import require_fit
from common.claims.read import path_of, read
from common.claims.results import Results
from common.experiment import Tier
from common.study import study
from papers.plasticity.reproduce import PACKAGE


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read(path_of("plasticity"))


def test_all_claims_of_the_paper_are_there_once(claims: list[Claim]) -> None:
    ids = [claim.id for claim in claims]
    assert len(ids) == len(set(ids)) == 32
    assert all(name.startswith("plasticity/") for name in ids)


@pytest.mark.parametrize("tier", Tier)
def test_claims_and_experiments_fit_each_other(claims: list[Claim], tier: Tier) -> None:
    require_fit(claims, Results(study(PACKAGE, tier)), "expectations/plasticity.yaml")


def test_no_claim_reports_a_number_since_the_paper_prints_none(claims: list[Claim]) -> None:
    assert not any(claim.reported for claim in claims)
