import pytest

from common.expectations import Claim, path_of, read
from common.experiment import Tier
from common.pipeline import aggregate_nothing
from common.pipeline.check import require_fit
from papers.freezenet.reproduce import EXPERIMENTS, PACKAGE

EXPERIMENT_OF = {experiment.name: experiment for experiment in EXPERIMENTS}


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read(path_of("freezenet"))


def test_all_claims_of_the_paper_are_there_once(claims: list[Claim]) -> None:
    ids = [claim.id for claim in claims]
    assert len(ids) == len(set(ids)) == 152
    assert all(name.startswith("freezenet/") for name in ids)


@pytest.mark.parametrize("tier", Tier)
def test_every_check_fits_exactly_one_declared_cell_and_metric(claims: list[Claim], tier: Tier) -> None:
    require_fit(claims, aggregate_nothing(PACKAGE, tier), "expectations/freezenet.yaml")


@pytest.mark.parametrize("tier", Tier)
def test_every_experiment_is_named_by_a_claim(claims: list[Claim], tier: Tier) -> None:
    named = {q.experiment for claim in claims if tier in claim.checks for q in claim.checks[tier].quantities}
    assert named == {name for name, experiment in EXPERIMENT_OF.items() if experiment.cells.get(tier)}


@pytest.mark.parametrize("tier", Tier)
def test_quantities_of_one_check_have_equally_many_seeds(claims: list[Claim], tier: Tier) -> None:
    for claim in claims:
        if tier in claim.checks:
            seeds = {EXPERIMENT_OF[q.experiment].seeds[tier] for q in claim.checks[tier].quantities}
            assert len(seeds) == 1, f"{claim.id} pairs runs by seed, but has {seeds} of them"


@pytest.mark.parametrize("tier", Tier)
def test_what_gates_as_reproduced_can_be_decided_with_the_declared_seeds(claims: list[Claim], tier: Tier) -> None:
    least = {"exact": 1, "value": 2, "trend": 3, "order": 5, "rate": 5}
    for claim in claims:
        check = claim.checks.get(tier)
        if check is not None and check.gate == "reproduced":
            seeds = min(EXPERIMENT_OF[q.experiment].seeds[tier] for q in check.quantities)
            assert seeds >= least[check.kind], f"{claim.id} can never be reproduced with {seeds} seeds"
            best = any(q.statistic == "best" for q in check.quantities)
            assert check.kind == "exact" or not best, f"{claim.id} judges the best run, a single number"


def test_counts_and_sizes_are_checked_alike_in_both_tiers(claims: list[Claim]) -> None:
    for claim in claims:
        checks = [claim.checks[tier] for tier in Tier if tier in claim.checks]
        if any(q.experiment == "sizes" for check in checks for q in check.quantities):
            smoke, full = ((check.quantity, check.along, check.points, check.equals, check.gate) for check in checks)
            assert smoke == full, claim.id
            assert claim.reported is not None
            assert checks[0].equals == claim.reported.mean, claim.id
