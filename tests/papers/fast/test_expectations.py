import pytest

from common.claims.claim import Claim
from common.claims.declared import require_fit
from common.claims.read import path_of, read
from common.claims.results import Results
from common.experiment import Tier
from common.study import study
from papers.fast.reproduce import PACKAGE


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read(path_of("fast"))


def test_all_claims_of_the_paper_are_there_once(claims: list[Claim]) -> None:
    ids = [claim.id for claim in claims]
    assert len(ids) == len(set(ids)) == 109
    assert all(name.startswith("fast/") for name in ids)


@pytest.mark.parametrize("tier", Tier)
def test_claims_and_experiments_fit_each_other(claims: list[Claim], tier: Tier) -> None:
    require_fit(claims, Results(study(PACKAGE, tier)), "expectations/fast.yaml")


def test_what_is_derived_is_checked_alike_in_both_tiers(claims: list[Claim]) -> None:
    exact = [c for c in claims if any(q.experiment in ("derivations", "adp") for q in c.checks[Tier.FULL].quantities)]
    assert len(exact) == 24
    for claim in exact:
        smoke, full = (claim.checks[tier] for tier in Tier)
        for field in ("quantity", "along", "points", "equals", "at_least", "at_most", "gate"):
            assert getattr(smoke, field) == getattr(full, field), claim.id


def test_table_1_keeps_what_was_printed(claims: list[Claim]) -> None:
    """Each column sums to what the printed one sums to."""
    printed = {claim.id: claim.reported for claim in claims if claim.id.startswith("fast/table1/") and claim.reported}
    assert len(printed) == 24
    assert all(r.spread_is == "unknown" and r.seeds == 15 for r in printed.values())
    sums = {
        metric: round(sum(r.mean for name, r in printed.items() if name.endswith(metric)), 4)
        for metric in ("top1_error", "top5_error", "distance")
    }
    assert sums == {"top1_error": 1.2517, "top5_error": 0.3342, "distance": 231.71}
