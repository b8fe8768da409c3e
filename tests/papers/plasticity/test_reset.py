import copy

import pytest
import torch

from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.train.program import Program
from papers.plasticity.reset import groups_of, reset

KINDS = {
    "mlp": (lambda: grouped_mlp(inputs=4, hidden=5), (1, 1, 2, 2)),
    "cnn": (lambda: grouped_cnn(width=2), (1, 1, 12, 12)),
    "resnet": (lambda: grouped_resnet(width=5, depth=2), (1, 3, 8, 8)),
}


def trained(kind, seed=0):
    """Return a network of which nothing is as it was drawn."""
    model = KINDS[kind][0]()
    initialise(model, "kaiming_uniform", seed)
    generator = torch.Generator().manual_seed(seed)
    for value in model.state_dict().values():
        value += 1 if value.dtype == torch.int64 else 0.5 + torch.rand(value.shape, generator=generator)
    return model


def fresh(kind, seed):
    model = KINDS[kind][0]()
    initialise(model, "kaiming_uniform", seed)
    return model.state_dict()


def numbers(kind):
    return range(1, len(groups_of(trained(kind))) + 1)


SUBSETS = [
    (kind, groups) for kind in KINDS for groups in [(), *((n,) for n in numbers(kind)), (2, 3), (*numbers(kind),)]
]


@pytest.mark.parametrize(("kind", "groups"), SUBSETS)
def test_reset_groups_are_a_fresh_draw_and_kept_ones_bit_identical(kind, groups):
    model = trained(kind)
    before, drawn = copy.deepcopy(model.state_dict()), fresh(kind, seed=9)
    reset(model, groups, seed=9)
    for name, value in model.state_dict().items():
        if name.startswith(tuple(f"group{number}." for number in groups)):
            assert torch.equal(value, drawn[name])
            assert not torch.equal(value, before[name])
        else:
            assert torch.equal(value, before[name])


def test_batch_norm_begins_anew_with_its_group():
    model = trained("cnn")
    reset(model, [2], seed=9)
    norm = model.get_submodule("group2.1")
    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()
    assert (norm.running_mean == 0).all()
    assert (norm.running_var == 1).all()
    assert norm.num_batches_tracked == 0


def test_a_reset_draws_other_weights_than_the_network_began_with():
    model = KINDS["mlp"][0]()
    initialise(model, "kaiming_uniform", 1)
    before = copy.deepcopy(model.state_dict())
    reset(model, [2], seed=2)
    assert not torch.equal(model.state_dict()["group2.0.weight"], before["group2.0.weight"])


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_reset_reaches_the_program_that_the_network_trains_in(kind):
    models = [trained(kind, seed) for seed in range(3)]
    program = Program(models)
    before, held = program.state(), {name: p.data_ptr() for name, p in program.parameters.items()}
    reset(models[1], [*numbers(kind)], seed=9)
    assert {name: p.data_ptr() for name, p in program.parameters.items()} == held
    after = program.state()
    for name, drawn in fresh(kind, seed=9).items():
        assert torch.equal(after[name][1], drawn)
        assert torch.equal(after[name][[0, 2]], before[name][[0, 2]])
    images = torch.randn(3, 4, *KINDS[kind][1][1:], generator=torch.Generator().manual_seed(0))
    alone = KINDS[kind][0]().eval()
    alone.load_state_dict(fresh(kind, seed=9))
    program.module.eval()
    torch.testing.assert_close(program.logits(images)[1], alone(images[1]), rtol=1e-4, atol=1e-5)


def test_a_reset_reaches_a_program_of_one_network_that_does_not_stack():
    model = trained("resnet")
    program = Program([model])
    reset(model, [1, 6], seed=9)
    drawn = fresh("resnet", seed=9)
    for name in ("group1.0.weight", "group6.2.weight"):
        assert torch.equal(program.parameters[name], drawn[name])


def test_groups_are_named_from_the_input_on():
    assert groups_of(grouped_cnn(width=2)) == [f"group{number}" for number in range(1, 6)]


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_group_that_does_not_exist_is_refused_and_nothing_changes(number):
    model = trained("mlp")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=f"no group {number} to reset: the network has groups 1 to 3"):
        reset(model, [1, number], seed=9)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
