from collections import Counter

import pytest

from common.claims.claim import Claim, Tested
from common.claims.declared import require_fit
from common.claims.read import path_of, read
from common.claims.results import Results
from common.experiment import Tier
from common.study import study
from papers.sequential_learning.reproduce import PACKAGE


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read(path_of("sequential_learning"))


def test_all_claims_of_both_papers_are_there_once(claims: list[Claim]) -> None:
    assert len({claim.id for claim in claims}) == len(claims)
    assert Counter(claim.id.split("/")[0] for claim in claims) == {"negative_pretraining": 32, "frozen_weights": 158}


@pytest.mark.parametrize("tier", Tier)
def test_claims_and_experiments_fit_each_other(claims: list[Claim], tier: Tier) -> None:
    require_fit(claims, Results(study(PACKAGE, tier)), "expectations/sequential_learning.yaml")


def test_every_printed_number_is_there(claims: list[Claim]) -> None:
    printed = {claim.id: claim.reported for claim in claims if claim.reported is not None}
    assert len(printed) == 24 + 40 + 40 + 3
    tables = Counter(name.split("/")[1] for name in printed)
    assert tables == {"table1": 24, "table2": 40, "table3": 40, "sec6": 3}
    double = printed["frozen_weights/table1/cifar10/double/noaug/s0.98/test_acc"]
    assert (double.mean, double.spread, double.seeds) == (0.634, 0.232, 3)
    unexplained = printed["frozen_weights/table3/blur-sharp/allcnn/noreset/test_acc"]
    assert (unexplained.spread, unexplained.spread_is, unexplained.seeds) == (0.049, "unknown", "unknown")
    counted = printed["frozen_weights/table2/svhn-cifar10/triple_fw"]
    assert (counted.mean, counted.resolution) == (3_500_000, 100_000)
    gains = [
        printed[name].mean - printed[name.replace("/reset/", "/noreset/")].mean
        for name in printed
        if name.startswith("frozen_weights/table2/") and "/reset/" in name
    ]
    assert sum(gains) / len(gains) == pytest.approx(0.0073)
    assert min(gains) == 0.0


def test_no_full_tier_number_gates_since_its_recipe_is_lost(claims: list[Claim]) -> None:
    numbers = [claim for claim in claims if claim.reported is not None and Tier.FULL in claim.checks]
    assert all(claim.checks[Tier.FULL].gate == "none" for claim in numbers)


def test_few_claims_decide_nothing(claims: list[Claim]) -> None:
    undecidable = [claim.id for claim in claims if any(check.undecidable for check in claim.checks.values())]
    assert len(undecidable) < 10, undecidable


def test_every_check_with_chance_says_what_it_takes_for_true(claims: list[Claim]) -> None:
    silent = [
        f"{claim.id}, {tier}"
        for claim in claims
        for tier, check in claim.checks.items()
        if isinstance(check, Tested)
        and check.assumed is None
        and (claim.reported is None or claim.reported.spread is None)
    ]
    assert silent == []
