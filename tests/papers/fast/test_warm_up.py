import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from common.models.small_cnn import small_cnn
from common.train.evaluate import accuracy
from common.train.optimizers import Nesterov
from papers.fast.adoption import Start
from papers.fast.anytime import Schedule, adapt
from papers.fast.warm_up import WarmUp
from tests.papers.fast.test_anytime import BATCH, MOMENTUM, TARGET, assert_same_state, batches, runs, with_dropout


def switches(*sequences, images):
    """Return the step at which each run switches, -1 for never, from its numbers of right answers."""
    rule = WarmUp(len(sequences), images, torch.device("cpu"))
    for step, correct in enumerate(zip(*sequences, strict=True)):
        rule.see(torch.tensor(correct), step)
        assert rule.warming.tolist() == [at < 0 for at in rule.switched_at.tolist()]
    return rule.switched_at.tolist()


@pytest.mark.parametrize(
    ("correct", "switched_at"),
    [
        ([500] * 10, -1),  # nine steps without progress
        ([500] * 11, 10),
        ([0] * 11, 10),  # the first accuracy counts, whatever it is
        ([500] * 30, 10),  # once and for all
        ([500] * 11 + [900] * 11, 10),
        ([*range(0, 400, 10)], -1),  # one percentage point a step
        ([500] + [509] * 10, 10),
        ([500] * 10 + [509] * 3, 10),  # less than one point
        ([500] * 10 + [510] * 10, -1),
        ([500] * 10 + [510] * 11, 20),
        ([500] + [509] * 9 + [510] * 11, 20),  # one point over the best accepted, not over the best
        ([500, 505, 509, *[512] * 11], 13),
        ([500, 100] + [400] * 9, 10),  # what was lost and won again is no progress
        ([500] * 5 + [600] + [500] * 4 + [609] * 6, 15),
        ([200] + [205] * 10, 10),  # percentage points, not percent of what was reached
    ],
)
def test_a_run_switches_after_ten_steps_without_one_more_percentage_point(correct, switched_at):
    assert switches(correct, images=1000) == [switched_at]


def test_one_percent_of_few_images_is_rounded_up():
    assert switches([50] + [51] * 12, [50] * 5 + [52] * 8, images=110) == [10, -1]
    assert switches([50] + [51] * 12, images=100) == [11]


def by_rule(correct, images):
    accepted, stale = correct[0], 0
    for step, value in enumerate(correct[1:], start=1):
        if 100 * (value - accepted) >= images:
            accepted, stale = value, 0
        else:
            stale += 1
        if stale == 10:
            return step
    return -1


@given(
    st.sampled_from([30, 110, 1000]),
    st.lists(st.lists(st.integers(0, 30), min_size=40, max_size=40), min_size=1, max_size=4),
)
def test_the_switch_of_a_run_depends_on_its_own_validation_alone(images, rises):
    sequences = [[sum(own[:i]) % images for i in range(len(own))] for own in rises]
    assert switches(*sequences, images=images) == [by_rule(own, images) for own in sequences]


def schedule(steps, warm_up, optimizer=MOMENTUM):
    return Schedule(steps, BATCH, optimizer, every_step=True, warm_up=warm_up)


def statistics(model):
    return {name for name, _ in model.named_buffers()}


@pytest.mark.parametrize("kind", [small_cnn, with_dropout])
@pytest.mark.parametrize("warm_up", ["inference", "updating"])
@pytest.mark.parametrize("optimizer", [MOMENTUM, Nesterov()])
def test_until_the_switch_theta_stands_still_bit_by_bit(kind, warm_up, optimizer):
    (run,) = runs(kind, [(0.5, 0.5, 5)])
    before = copy.deepcopy(run.model)
    (history,) = adapt([run], schedule(10, warm_up, optimizer), TARGET, None)
    assert history.switched_at in (None, 10), "none earlier"
    assert not torch.equal(run.model.classifier.weight, before.classifier.weight)
    for name, value in run.model.extractor.state_dict().items():
        moves = warm_up == "updating" and name in statistics(before.extractor)
        assert torch.equal(value, before.extractor.state_dict()[name]) == (not moves), name


def by_hand(run, steps, warm_up):
    """Follow one run: its validation accuracies, and the step of its switch."""
    model, drawn = run.model, batches(run, schedule(steps, warm_up))
    groups = [
        {"params": list(model.classifier.parameters()), "lr": run.alpha},
        {"params": list(model.extractor.parameters()), "lr": run.beta},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.0, momentum=0.9)
    validation = TARGET.images[TARGET.validation], TARGET.labels[TARGET.validation]
    accuracies, accepted, stale, switched_at = [], -1.0, 0, None
    for step in range(steps + 1):
        accuracies.append(accuracy(model, *validation))
        progress = accuracies[-1] >= accepted + 0.01 - 1e-9
        accepted, stale = (accuracies[-1], 0) if progress else (accepted, stale + 1)
        if switched_at is None and stale == 10:
            switched_at = step
        if step < steps:
            warming = switched_at is None
            model.train()
            model.extractor.train(not (warming and warm_up == "inference"))
            optimizer.zero_grad()
            F.cross_entropy(model(TARGET.images[drawn[step]]), TARGET.labels[drawn[step]]).backward()
            if warming:  # without a gradient the optimizer neither moves theta nor gathers momentum for it
                model.extractor.zero_grad()
            optimizer.step()
    return accuracies, switched_at


RATES = ((0.0, 0.01, 5), (0.05, 0.02, 6), (0.01, 0.01, 7))


@pytest.mark.parametrize("warm_up", ["inference", "updating"])
def test_runs_of_a_stack_switch_each_at_its_own_step_and_then_move_theta_from_rest(warm_up):
    steps = 32
    ours, theirs = runs(rates=RATES), runs(rates=RATES)
    histories = adapt(ours, schedule(steps, warm_up), TARGET, None)
    for run, other, history in zip(ours, theirs, histories, strict=True):
        accuracies, switched_at = by_hand(other, steps, warm_up)
        assert history.validation == pytest.approx(accuracies)
        assert history.switched_at == switched_at
        assert_same_state(run.model.state_dict(), other.model.state_dict())
    found = [history.switched_at for history in histories]
    assert None not in found
    assert len(set(found)) > 1, "not all at the same step"


@pytest.mark.parametrize("warm_up", ["inference", "updating"])
def test_a_network_that_does_not_stack_warms_up_alike(warm_up):
    for rates in RATES[:2]:
        (ours,), (theirs,) = runs(with_dropout, [rates]), runs(with_dropout, [rates])
        (history,) = adapt([ours], schedule(24, warm_up), TARGET, None)
        accuracies, switched_at = by_hand(theirs, 24, warm_up)
        assert (history.validation, history.switched_at) == (pytest.approx(accuracies), switched_at)
        assert_same_state(ours.model.state_dict(), theirs.model.state_dict())


def test_the_first_step_of_theta_after_the_switch_has_no_momentum():
    steps, beta = 11, 0.25
    (run,) = runs(rates=[(0.0, beta, 5)], start=Start("fan_in"))  # W stands still, so validation does, in inference
    model = copy.deepcopy(run.model)
    (history,) = adapt([run], schedule(steps, "inference"), TARGET, None)
    assert history.switched_at == 10
    batch = batches(run, schedule(steps, "inference"))[10]
    loss = F.cross_entropy(model.train()(TARGET.images[batch]), TARGET.labels[batch])
    gradients = torch.autograd.grad(loss, list(model.extractor.parameters()))
    for (name, value), gradient in zip(model.extractor.named_parameters(), gradients, strict=True):
        moved = run.model.extractor.get_parameter(name) - value
        torch.testing.assert_close(moved, -beta * gradient, rtol=1e-8, atol=1e-12, msg=name)


def test_a_run_without_warm_up_has_no_switch():
    (history,) = adapt(runs(rates=[(0.0, 0.0, 5)]), schedule(12, "none"), TARGET, None)
    assert history.switched_at is None
