import copy

import pytest
import torch
import torch.nn.functional as F

from common.datasets import ImageData
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.train.batches import shuffled_epochs
from common.train.optimizers import SGD, Adam, RMSprop
from common.train.program import Program
from common.train.stages import Data, train_stage

RULES = {
    "adam": (Adam(), torch.optim.Adam),
    "rmsprop": (RMSprop(), torch.optim.RMSprop),
    "sgd": (SGD(0.0), torch.optim.SGD),
    "momentum": (SGD(0.9), lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.9)),
}
KINDS = {
    "mlp": (lambda: grouped_mlp(inputs=4, hidden=6, num_classes=3), (1, 2, 2)),
    "cnn": (lambda: grouped_cnn(width=2, depth=1, num_classes=3), (1, 12, 12)),
    "resnet": (lambda: grouped_resnet(num_classes=3, width=5, depth=1), (3, 8, 8)),
}
IMAGES, BATCH = 30, 4
RATES = [0.03, 0.1, 0.003]


def data_for(kind):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(IMAGES + 25, *KINDS[kind][1], generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (IMAGES + 25,), generator=generator)
    return Data(images[:IMAGES], labels[:IMAGES], images[IMAGES:], labels[IMAGES:])


def networks(kind, count):
    models = [KINDS[kind][0]() for _ in range(count)]
    for seed, model in enumerate(models):
        initialise(model, "kaiming_uniform", seed)
    return [model.double() for model in models]


def halves(count):
    """Return the images of every run's stage, [R, 15]."""
    return torch.stack([torch.randperm(IMAGES, generator=torch.Generator().manual_seed(s))[:15] for s in range(count)])


def share_right(model, images, labels):
    model.eval()
    right = (model(images).argmax(1) == labels).double().mean().item()
    model.train()
    return right


def plain(model, stages, optimizer, rate, data, run):
    """Train one network as a textbook would, with a new optimizer in every stage; return its history."""
    model.train()
    losses, tests, trains = [], [], []
    for epochs, own in stages:
        new = optimizer(model.parameters(), lr=rate)
        for epoch in epochs:
            total = 0.0
            for batch in (batches[run] for batches in epoch):
                loss = F.cross_entropy(model(data.images[batch]), data.labels[batch])
                new.zero_grad()
                loss.backward()
                new.step()
                total += loss.item()
            losses.append(total / len(epoch))
            tests.append(share_right(model, data.test_images, data.test_labels))
        trains.append(share_right(model, data.images[own[run]], data.labels[own[run]]))
    return losses, tests, trains


def learnt(program, data, own):
    """Watch the share of right answers on the images that own [R, n] names."""
    return lambda epoch: {"train": program.correct(data.images, data.labels, own) / own.shape[1]}


def same(model, other):
    """Compare all parameters and running statistics."""
    for (name, value), expected in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-8, atol=1e-9, msg=name)


CASES = [("mlp", rule) for rule in RULES] + [("cnn", "momentum"), ("resnet", "adam")]


@pytest.mark.parametrize(("kind", "rule"), CASES)
def test_two_stages_are_a_plain_loop_with_two_optimizers(kind, rule):
    data, runs = data_for(kind), 1 if kind == "resnet" else 3
    models, alone = networks(kind, runs), networks(kind, runs)
    everything = torch.arange(IMAGES).expand(runs, -1)
    stages = [
        (list(shuffled_epochs(halves(runs), 3, BATCH, range(runs))), halves(runs)),
        (list(shuffled_epochs(everything, 2, BATCH, range(runs))), everything),
    ]
    program = Program(models)
    rates = [0.1 * rate for rate in RATES] if rule == "rmsprop" else RATES
    histories = [
        train_stage(program, epochs, RULES[rule][0], rates[:runs], data, watch=learnt(program, data, own))
        for epochs, own in stages
    ]
    for run, model in enumerate(alone):
        losses, tests, trains = plain(model, stages, RULES[rule][1], rates[run], data, run)
        same(models[run], model)
        found = torch.cat([history.loss[:, run] for history in histories]).tolist()
        assert found == pytest.approx(losses, rel=1e-5)
        assert torch.cat([history.test[:, run] for history in histories]).tolist() == pytest.approx(tests)
        assert [history.further["train"][-1, run].item() for history in histories] == pytest.approx(trains)
    assert [tuple(history.test.shape) for history in histories] == [(3, runs), (2, runs)]
    assert [tuple(history.further["train"].shape) for history in histories] == [(4, runs), (3, runs)]


@pytest.mark.parametrize("rule", ["adam", "rmsprop", "momentum"])
def test_optimizer_statistics_begin_anew_so_two_stages_are_not_one_long_one(rule):
    data, own = data_for("mlp"), torch.arange(IMAGES).expand(1, -1)
    epochs = list(shuffled_epochs(own, 4, BATCH, [0]))
    two, one = networks("mlp", 1), networks("mlp", 1)
    program = Program(two)
    for part in (epochs[:2], epochs[2:]):
        train_stage(program, part, RULES[rule][0], [0.01], data)
    train_stage(Program(one), epochs, RULES[rule][0], [0.01], data)
    difference = max((a - b).abs().max().item() for a, b in zip(two[0].parameters(), one[0].parameters(), strict=True))
    assert difference > 1e-4


def test_without_a_rate_nothing_is_learnt_and_neighbours_do_not_notice():
    data, own = data_for("mlp"), halves(2)
    models, alone = networks("mlp", 2), networks("mlp", 2)
    before = copy.deepcopy(models[0])
    epochs = list(shuffled_epochs(own, 2, BATCH, [0, 1]))
    train_stage(Program(models), epochs, Adam(), [0.0, 0.03], data)
    train_stage(Program(alone[1:]), [[batch[1:] for batch in epoch] for epoch in epochs], Adam(), [0.03], data)
    same(models[0], before)
    same(models[1], alone[1])


def test_what_is_watched_is_kept_as_often_as_it_is_measured():
    data, own = data_for("mlp"), halves(2)
    asked = []

    def watch(epoch):
        asked.append(epoch)
        seen = {"before": torch.tensor([7.0, 8.0])} if epoch == 0 else {}
        return seen | ({"late": torch.tensor([1.0, 2.0]) * epoch} if epoch > 1 else {})

    program = Program(networks("mlp", 2))
    history = train_stage(program, shuffled_epochs(own, 3, BATCH, [0, 1]), Adam(), [0.03, 0.03], data, watch=watch)
    assert asked == [0, 1, 2, 3]
    assert history.further["before"].tolist() == [[7.0, 8.0]]
    assert history.further["late"].tolist() == [[2.0, 4.0], [3.0, 6.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_train_to_the_bit_as_their_standardised_floats(kind):
    data, runs = data_for(kind), 1 if kind == "resnet" else 2
    images, tests = ((60 * own + 128).clamp(0, 255).to(torch.uint8) for own in (data.images, data.test_images))
    toy = ImageData("toy", images, data.labels, tests, data.test_labels, 3)
    trained = []
    for shown in (toy.resident(torch.device("cpu")), toy.standardised()):
        models = [model.float() for model in networks(kind, runs)]
        own = halves(runs)
        epochs = shuffled_epochs(own, 3, BATCH, range(runs))
        given = Data(shown[0], data.labels, shown[1], data.test_labels)
        trained.append((train_stage(Program(models), epochs, SGD(0.9), RATES[:runs], given), models))
    (mine, models), (theirs, others) = trained
    for name in ("loss", "test"):
        assert torch.equal(getattr(mine, name), getattr(theirs, name))
    for model, other in zip(models, others, strict=True):
        assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


def test_every_run_may_have_labels_of_its_own():
    data, own = data_for("mlp"), halves(2)
    drawn = torch.Generator().manual_seed(1)
    train, test = (torch.randint(3, (2, count), generator=drawn) for count in (IMAGES, 25))
    stages = [(list(shuffled_epochs(own, 3, BATCH, range(2))), own)]
    models, alone = networks("mlp", 2), networks("mlp", 2)
    both = Data(data.images, train, data.test_images, test)
    history = train_stage(Program(models), stages[0][0], RULES["adam"][0], RATES[:2], both)
    for run, model in enumerate(alone):
        single = Data(data.images, train[run], data.test_images, test[run])
        losses, tests, *_ = plain(model, stages, RULES["adam"][1], RATES[run], single, run)
        same(models[run], model)
        assert history.loss[:, run].tolist() == pytest.approx(losses, rel=1e-5)
        assert history.test[:, run].tolist() == pytest.approx(tests)
