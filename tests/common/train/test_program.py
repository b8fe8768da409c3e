import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.train import program as program_module
from common.train import stacking
from common.train.evaluate import BATCH, STACK_BATCH
from common.train.precision import multiplying
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


KINDS = {
    "stack": (3, lambda: nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), *head(12))),
    "single": (1, lambda: nn.Sequential(nn.Conv2d(1, 40, 2), nn.BatchNorm2d(40), nn.Dropout(0.5), *head(160))),
}


def head(features):
    return nn.Flatten(-3), nn.Linear(features, 4)


@pytest.fixture(params=KINDS)
def networks(request):
    """Networks of 3x3 images with weights and statistics of their own, in double precision."""
    count, build = KINDS[request.param]
    models = [build().double() for _ in range(count)]
    generator = torch.Generator().manual_seed(0)
    for model in models:
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.1)
            else:
                tensor.fill_(5)
    return models


def shown(count, runs):
    """Return images and labels, an index [R, n] of its own for every run, and what presents it."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 1, 3, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (count,), generator=generator)
    index = torch.stack([torch.randperm(count, generator=generator)[: count - 3] for _ in range(runs)])
    return images, labels, index, lambda part: (images[part], labels[part])


@pytest.mark.parametrize("count", [7, BATCH // 4 + 3, BATCH // 2 + 50])
def test_losses_and_accuracies_are_means_over_each_runs_own_images(networks, count):
    alone = [copy.deepcopy(model).eval() for model in networks]
    program = Program(networks)
    images, labels, index, present = shown(count, len(networks))
    losses, accuracies = program.evaluate(present, index)
    assert losses.shape == accuracies.shape == (len(networks),)
    for run, model in enumerate(alone):
        own = index[run]
        logits = model(images[own])
        assert losses[run].item() == pytest.approx(F.cross_entropy(logits, labels[own]).item(), rel=1e-9)
        assert accuracies[run].item() == pytest.approx((logits.argmax(1) == labels[own]).double().mean().item())


def test_evaluation_changes_neither_mode_nor_statistics_nor_follows_gradients(networks):
    program = Program(networks)
    *_, index, present = shown(20, len(networks))
    before = program.state()
    for training in (True, False):
        program.module.train(training)
        losses, _ = program.evaluate(present, index)
        assert program.module.training is training
    assert not losses.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in program.state().items())


def test_a_network_that_is_not_finite_has_no_right_answers_and_spares_its_neighbours():
    models = [nn.Sequential(nn.Flatten(-3), nn.Linear(9, 4)).double() for _ in range(2)]
    program = Program(models)
    *_, index, present = shown(20, 2)
    expected = program.evaluate(present, index)
    with torch.no_grad():
        models[0][1].weight.fill_(float("nan"))
    losses, accuracies = program.evaluate(present, index)
    assert losses[0].isnan()
    assert accuracies[0] == 0
    assert (losses[1], accuracies[1]) == (expected[0][1], expected[1][1])


def test_named_runs_go_back_to_a_state_with_their_statistics_and_the_others_stay(networks):
    program = Program(networks)
    kept = program.state()
    with torch.no_grad():
        for tensor in program.module.state_dict().values():
            tensor.add_(1)
    later = program.state()
    where = torch.arange(len(networks)) != 1
    program.restore(where, kept)
    for run, model in enumerate(networks):  # the networks themselves hold what the program does
        expected = program.of_run(kept if where[run] else later, run)
        for name, value in model.state_dict().items():
            assert torch.equal(value, expected[name]), name
    program.restore(~where, kept)
    assert all(torch.equal(value, kept[name]) for name, value in program.state().items())


def test_restoring_nothing_changes_nothing(networks):
    program = Program(networks)
    before = program.state()
    zeros = {name: torch.zeros_like(value) for name, value in before.items()}
    program.restore(torch.zeros(len(networks), dtype=torch.bool), zeros)
    assert all(torch.equal(value, before[name]) for name, value in program.state().items())


def test_one_number_a_run_stands_beside_every_parameter(networks):
    program = Program(networks)
    values = [0.1, 0.2, 0.3][: len(networks)]
    numbers = program.per_parameter(values)
    for number, parameter in zip(numbers, program.parameters.values(), strict=True):
        assert number.dtype == parameter.dtype
        product = (torch.ones_like(parameter) * number).detach()
        expected = torch.stack(
            [
                torch.full_like(model_part, value)
                for model_part, value in zip(product if program.stacked else product[None], values, strict=True)
            ]
        )
        assert torch.equal(product if program.stacked else product[None], expected)
    numbers[0].mul_(2.0)  # each may change on its own
    assert numbers[1].flatten()[0].item() == 0.1


def test_parameters_of_runs_are_views_with_the_runs_first(networks):
    program = Program(networks)
    parameters = program.parameters_of_runs()
    assert list(parameters) == [name for name, _ in networks[0].named_parameters()]
    for name, value in parameters.items():
        assert not value.requires_grad
        assert len(value) == len(networks)
        for run, model in enumerate(networks):
            assert torch.equal(value[run], model.get_parameter(name))
    with torch.no_grad():
        networks[0][0].weight.fill_(7.0)
    assert (parameters["0.weight"][0] == 7.0).all()


def test_what_a_layer_is_given_comes_in_the_order_of_the_index(networks):
    last = str(len(networks[0]) - 1)
    alone = [copy.deepcopy(model).eval() for model in networks]
    program = Program(networks)
    images, _, index, present = shown(BATCH // 4 + 9, len(networks))
    inputs = program.inputs_of(last, present, index)
    expected = torch.stack([model[:-1](images[own]) for model, own in zip(alone, index, strict=True)])
    torch.testing.assert_close(inputs, expected.detach())
    assert program.module.training
    assert not program.module.get_submodule(last)._forward_pre_hooks


@pytest.mark.parametrize("unfolded", [False, True], ids=["as on a CPU", "as on a GPU"])
def test_stacks_train_in_bfloat16_too(unfolded, monkeypatch):
    monkeypatch.setattr(stacking, "unfolds", lambda device: unfolded)
    torch.manual_seed(0)
    program = Program(
        [nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(-3), nn.Linear(64, 3)) for _ in range(2)]
    )
    images, labels = torch.randn(2, 8, 1, 6, 6), torch.arange(16).view(2, 8) % 3
    exact = program.gradients(program.losses(images, labels))
    with multiplying("bf16", torch.device("cpu")):
        assert program.logits(images).dtype == torch.bfloat16
        rounded = program.gradients(program.losses(images, labels))
    for one, other in zip(exact, rounded, strict=True):
        assert other.dtype == torch.float32
        assert 0 < (one - other).abs().max() < 0.05 * one.abs().max()


def test_a_gpu_evaluates_few_images_of_every_network_of_a_stack_at_once(monkeypatch):
    images, labels = torch.randn(300, 1, 2, 2), torch.arange(300) % 3
    index, sizes = torch.arange(300).expand(2, -1), []

    def counted(on_gpu):
        monkeypatch.setattr(program_module, "unfolds", lambda device: on_gpu)
        torch.manual_seed(0)
        program = Program([nn.Sequential(nn.Flatten(-3), nn.Linear(4, 3)) for _ in range(2)])
        program.module.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[1]))
        loss, share = program.evaluate(lambda part: (images[part], labels[part]), index)
        return program.correct(images, labels, index), loss, share

    here, there = counted(False), counted(True)
    assert sizes == [300, 300, *2 * [STACK_BATCH, STACK_BATCH, 300 - 2 * STACK_BATCH]]
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_lie_in_memory_as_their_parameters_do():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.Flatten(-3), nn.Linear(64, 3)).double()
    images, labels = torch.randn(1, 8, 1, 6, 6, dtype=torch.float64), torch.arange(8).view(1, 8) % 3
    program = Program([model])
    expected = [gradient.clone() for gradient in program.gradients(program.losses(images, labels))]
    model[2].weight.data = model[2].weight.data.t().contiguous().t()
    found = program.gradients(program.losses(images, labels))
    for parameter, one, other in zip(program.parameters.values(), found, expected, strict=True):
        assert one.stride() == parameter.stride()
        torch.testing.assert_close(one, other)
