from dataclasses import dataclass

import pytest
import torch

from papers.sequential_learning.follow import follow
from papers.sequential_learning.learner import intervention_draws
from papers.sequential_learning.path import Stage
from papers.sequential_learning.stage import Measures
from tests.papers.sequential_learning.tiny import CALL, LONG, MLP, SHARP, learners, weights_of

pytestmark = pytest.mark.usefixtures("tiny_data")


def test_interventions_come_in_order_before_the_first_look_and_change_their_own_run_alone():
    @dataclass(frozen=True)
    class Fill:
        value: float

        @torch.no_grad()
        def __call__(self, model, generator):
            model[1].weight.fill_(self.value)

    paths = [(Stage(SHARP, LONG, (Fill(1.0), Fill(2.0))),), (Stage(SHARP, LONG),), (Stage(SHARP, LONG, (Fill(3.0),)),)]
    runs = learners(paths)
    untouched = runs[1].model[1].weight.detach().clone()
    found = list(follow(runs, MLP, CALL, Measures(weights_of, weights_of)))
    firsts = [passages[0].seen["weight"][0] for passages in found]
    assert firsts[0].unique().tolist() == [2.0]
    assert torch.equal(firsts[1], untouched)
    assert firsts[2].unique().tolist() == [3.0]


def test_interventions_draw_by_seed_stage_and_position():
    draws = {
        key: tuple(torch.rand(3, generator=intervention_draws(*key)).tolist())
        for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    assert len(set(draws.values())) == 4
    assert tuple(torch.rand(3, generator=intervention_draws(0, 0, 0)).tolist()) == draws[0, 0, 0]
