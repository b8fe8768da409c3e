import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.datasets import ImageData
from common.datasets.transforms import Translate
from common.train.evaluate import accuracy
from common.train.fit import Recipe, TrainingRun, fit
from common.train.optimizers import SGD
from common.train.schedules import DropAtEpochs


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.relu, self.out = nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.relu(self.hidden(x.flatten(-3))))


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.norm(self.conv(x)).relu().flatten(-3))


IMAGES = torch.randn(60, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = (IMAGES.mean((1, 2, 3)) * 3).round().clamp(-1, 1).long() + 1
RECIPE = Recipe(epochs=4, batch_size=16, optimizer=SGD(0.9, 0.01), schedule=DropAtEpochs((2,)))


def run(kind, seed, rate=0.1, share=None, **fields):
    torch.manual_seed(seed)
    model = kind().double()
    mask = {}
    if share is not None:
        generator = torch.Generator().manual_seed(seed)
        names = [n for n, p in model.named_parameters() if p.dim() > 1]
        mask = {n: torch.rand(p.shape, generator=generator) < share for n, p in model.named_parameters() if n in names}
    order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
    return TrainingRun(model, order[:45], order[45:], seed, rate, mask, **fields)


def plain_loop(run, recipe):
    """The same training written as every tutorial does."""
    model = run.model
    optimizer = torch.optim.SGD(model.parameters(), lr=run.learning_rate, momentum=0.9, weight_decay=0.01)
    generator = torch.Generator().manual_seed(run.seed)
    accuracies, best = [], None
    for epoch in range(recipe.epochs):
        optimizer.param_groups[0]["lr"] = run.learning_rate * (0.1 if epoch >= 2 else 1.0)
        model.train()
        for batch in run.train[torch.randperm(45, generator=generator)].split(16):
            optimizer.zero_grad()
            F.cross_entropy(model(IMAGES[batch]), LABELS[batch]).backward()
            optimizer.step()
        model.eval()
        accuracies.append((model(IMAGES[run.validation]).argmax(1) == LABELS[run.validation]).double().mean().item())
        if best is None or accuracies[-1] > max(accuracies[:-1]):
            best = (epoch + 1, copy.deepcopy(model.state_dict()))
    return accuracies, best


@pytest.mark.parametrize("kind", [Perceptron, Convolution])
def test_it_is_the_plain_loop(kind):
    runs = [run(kind, seed) for seed in range(3)]
    expected = [run(kind, seed) for seed in range(3)]
    histories = fit(runs, RECIPE, IMAGES, LABELS)
    for mine, theirs, history in zip(runs, expected, histories, strict=True):
        accuracies, (best_epoch, best_state) = plain_loop(theirs, RECIPE)
        assert history.validation_accuracy == pytest.approx(accuracies)
        assert history.best_epoch == best_epoch
        for name, value in theirs.model.state_dict().items():
            torch.testing.assert_close(mine.model.state_dict()[name], value, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(history.best_state[name], best_state[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [Perceptron, Convolution])
def test_a_run_does_not_depend_on_its_neighbours(kind):
    together = [run(kind, seed, share=0.3) for seed in range(4)]
    alone = run(kind, 2, share=0.3)
    fit(together, RECIPE, IMAGES, LABELS)
    fit([alone], RECIPE, IMAGES, LABELS)
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(together[2].model.state_dict()[name], value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", [Perceptron, Convolution])
def test_the_same_runs_in_the_same_grouping_are_bit_identical(kind):
    first, second = ([run(kind, seed) for seed in range(3)] for _ in range(2))
    histories = [fit(runs, RECIPE, IMAGES, LABELS) for runs in (first, second)]
    assert histories[0][1].train_loss == histories[1][1].train_loss
    for a, b in zip(first, second, strict=True):
        assert all(torch.equal(a.model.state_dict()[n], v) for n, v in b.model.state_dict().items())


@pytest.mark.parametrize("kind", [Perceptron, Convolution])
def test_bytes_train_to_the_bit_as_their_standardised_floats(kind):
    images = (60 * IMAGES + 128).clamp(0, 255).to(torch.uint8)
    data = ImageData("toy", images, LABELS, images[:9], LABELS[:9], 3)
    recipe = replace(RECIPE, augment=(Translate(1),))
    trained = []
    for shown in (data.resident(torch.device("cpu"))[0], data.standardised()[0]):
        runs = [run(kind, seed, share=0.5) for seed in range(3)]
        for own in runs:
            own.model.float()
        trained.append((fit(runs, recipe, shown, LABELS), runs))
    (histories, runs), (expected, others) = trained
    for mine, theirs, one, other in zip(histories, expected, runs, others, strict=True):
        assert mine.train_loss == theirs.train_loss
        assert mine.train_loss[-1] < mine.train_loss[0]
        assert mine.validation_accuracy == theirs.validation_accuracy
        for found, state in ((mine.best_state, theirs.best_state), (one.model.state_dict(), other.model.state_dict())):
            assert all(torch.equal(found[name], value) for name, value in state.items())


def test_runs_of_different_kinds_share_a_call():
    """Rates, masks and decay of frozen weights differ; every run must come out as if alone."""

    def make():
        return [
            run(Perceptron, 0),
            run(Perceptron, 1, share=0.5),
            run(Perceptron, 2, rate=0.02),
            run(Perceptron, 3, share=0.5, decay_frozen=True),
            run(Perceptron, 4, share=0.1),
        ]

    together, alone = make(), make()
    fit(together, RECIPE, IMAGES, LABELS)
    for mine, single in zip(together, alone, strict=True):
        fit([single], RECIPE, IMAGES, LABELS)
        for a, b in zip(mine.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", [Perceptron, Convolution])
def test_frozen_weights_are_bit_identical_and_pruned_ones_exactly_zero(kind):
    frozen_run, pruned_run = run(kind, 0, share=0.4), run(kind, 0, share=0.4)
    with torch.no_grad():
        for name, mask in pruned_run.mask.items():
            pruned_run.model.get_parameter(name).masked_fill_(~mask, 0.0)
    start = {name: value.clone() for name, value in frozen_run.model.named_parameters()}
    fit([frozen_run, pruned_run], RECIPE, IMAGES, LABELS)
    for name, mask in frozen_run.mask.items():
        assert torch.equal(frozen_run.model.get_parameter(name)[~mask], start[name][~mask])
        assert (pruned_run.model.get_parameter(name)[~mask] == 0).all()
        assert not torch.equal(frozen_run.model.get_parameter(name)[mask], start[name][mask])


def test_the_observer_sees_the_network_before_and_after_every_epoch():
    runs = [run(Perceptron, seed) for seed in range(2)]
    first = [r.model.hidden.weight.norm().item() for r in runs]
    histories = fit(runs, RECIPE, IMAGES, LABELS, lambda r: {"norm": r.model.hidden.weight.detach().norm()})
    for i, history in enumerate(histories):
        assert len(history.observed["norm"]) == RECIPE.epochs + 1
        assert history.observed["norm"][0] == pytest.approx(first[i])
        assert history.observed["norm"][-1] == pytest.approx(runs[i].model.hidden.weight.norm().item())


def test_augmentation_depends_on_the_runs_own_seed():
    recipe = Recipe(2, 16, SGD(0.9, 0.0), DropAtEpochs(()), augment=(Translate(1),))
    together, alone = [run(Perceptron, seed) for seed in (0, 1)], run(Perceptron, 1)
    fit(together, recipe, IMAGES, LABELS)
    fit([alone], recipe, IMAGES, LABELS)
    plain = run(Perceptron, 1)
    fit([plain], Recipe(2, 16, SGD(0.9, 0.0), DropAtEpochs(())), IMAGES, LABELS)
    torch.testing.assert_close(together[1].model.out.weight, alone.model.out.weight, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(plain.model.out.weight, alone.model.out.weight)


def test_a_diverging_run_is_nan_and_leaves_the_others_alone():
    wild, calm, alone = run(Perceptron, 0, rate=1e200), run(Perceptron, 1), run(Perceptron, 1)
    fit([wild, calm], RECIPE, IMAGES, LABELS)
    fit([alone], RECIPE, IMAGES, LABELS)
    assert accuracy(wild.model, IMAGES, LABELS) != accuracy(wild.model, IMAGES, LABELS)
    torch.testing.assert_close(calm.model.out.weight, alone.model.out.weight)


def test_unequal_numbers_of_images_are_refused():
    short = run(Perceptron, 0)
    short.train = short.train[:-1]
    with pytest.raises(ValueError, match="equal numbers"):
        fit([short, run(Perceptron, 1)], RECIPE, IMAGES, LABELS)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("kind", [Perceptron, Convolution])
def test_cuda_agrees_with_the_cpu(kind):
    here, there = run(kind, 0, share=0.4), run(kind, 0, share=0.4)
    there.model.cuda()
    start = {name: value.clone() for name, value in there.model.named_parameters()}
    fit([here], RECIPE, IMAGES, LABELS)
    fit([there], RECIPE, IMAGES.cuda(), LABELS.cuda())
    for name, value in here.model.named_parameters():
        torch.testing.assert_close(there.model.get_parameter(name).cpu(), value, rtol=1e-7, atol=1e-7)
    for name, mask in there.mask.items():
        assert torch.equal(there.model.get_parameter(name)[~mask.cuda()], start[name][~mask.cuda()])
