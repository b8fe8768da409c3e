import pytest
import torch
from torch import nn

from common.train.program import Program, right


def test_right_answers_are_counted_by_run_and_what_is_not_finite_is_wrong():
    logits = torch.tensor([[[2.0, 1.0], [0.0, 3.0]], [[float("nan"), 1.0], [1.0, 0.0]]])
    assert right(logits, torch.tensor([[0, 1], [0, 0]])).tolist() == [2, 1]


class Dropping(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 3), nn.Dropout(0.5))


def test_several_networks_that_do_not_stack_are_refused():
    with pytest.raises(ValueError, match="one at a time"):
        Program([Dropping(), Dropping()])


def test_states_are_kept_for_the_runs_named_and_handed_out_one_by_one():
    models = [nn.Sequential(nn.Linear(2, 2)) for _ in range(3)]
    program = Program(models)
    kept = program.state()
    before = {run: program.of_run(kept, run)["0.weight"].clone() for run in range(3)}
    with torch.no_grad():
        for parameter in program.parameters.values():
            parameter.add_(1.0)
    program.keep(torch.tensor([True, False, True]), kept)
    for run, moved in enumerate((1.0, 0.0, 1.0)):
        torch.testing.assert_close(program.of_run(kept, run)["0.weight"], before[run] + moved)


def test_a_part_is_computed_in_a_given_state_and_leaves_the_present_one_alone():
    program = Program([nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)) for _ in range(2)])
    state, inputs = program.state(), torch.randn(2, 5, 2)
    expected = program.module.get_submodule("0")(inputs).detach()
    with torch.no_grad():
        for parameter in program.parameters.values():
            parameter.zero_()
    torch.testing.assert_close(program.part("0", state, inputs), expected)
    assert all((parameter == 0).all() for parameter in program.parameters.values())
