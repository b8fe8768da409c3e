import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from common.datasets.splits import train_validation_split
from common.models.architecture import architecture, build
from common.models.grouped import grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.plan.network_cost import architecture_cost
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.stacking import stackable
from papers.sequential_learning import training
from papers.sequential_learning.data import DIGITS_250
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.path import Process, Stage, Task
from papers.sequential_learning.shown import ImageSet, Shown
from papers.sequential_learning.training import Follower, Measures, Setting, follow, intervention_draws

CALL = Call(torch.device("cpu"), Path("no data needed"))
MLP = Setting("tiny/mlp", architecture(bn_mlp, inputs=48, hidden=5, num_classes=3), "tiny", 4, "1/5")
UNHELD = replace(MLP, validation="0")
CLASSES, IMAGES, TESTS, SIDE = 3, 26, 17, 4


def tiny(name):
    """Return images of three channels with random labels, which cannot be learnt but by heart."""
    generator = torch.Generator().manual_seed({"tiny": 0, "other": 1}[name])
    images = torch.rand(IMAGES + TESTS, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (IMAGES + TESTS,), generator=generator)
    mean = torch.tensor([0.3, 0.5, 0.6], dtype=torch.float64).view(3, 1, 1)
    std = torch.tensor([0.1, 0.3, 0.5], dtype=torch.float64).view(3, 1, 1)
    test = (images[IMAGES:] - mean) / std
    return ImageSet(images[:IMAGES], labels[:IMAGES], test, labels[IMAGES:], CLASSES, mean, std)


@pytest.fixture(autouse=True)
def _tiny_data_in_double_precision(monkeypatch):
    monkeypatch.setattr(training, "image_set", lambda name, folder, device, standardise: tiny(name))


def network(model, seed):
    built = build(model)
    initialise(built, "framework_uniform", seed)
    return built.double()


def followers(paths, setting=MLP, seeds=None):
    seeds = range(len(paths)) if seeds is None else seeds
    return [Follower(network(setting.model, seed), path, seed) for path, seed in zip(paths, seeds, strict=True)]


@dataclass(frozen=True)
class Shake:
    """An intervention that draws."""

    size: float = 0.05

    @torch.no_grad()
    def __call__(self, model, generator):
        for parameter in model.parameters():
            parameter.add_(self.size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def views(task, data, seed):
    """Return what shows images in training and what does in evaluation, blur and contrast by hand."""
    if task.shift or task.flip:
        shown = Shown(data, [task], [seed])
        return (lambda i: shown.in_training(i[None])[0][0]), (lambda i: shown.fixed(i[None])[0][0])
    images = data.images
    if task.blur < 1:
        small = [round(task.blur * SIDE)] * 2
        images = F.interpolate(images, small, mode="bilinear", align_corners=False)
        images = F.interpolate(images, [SIDE] * 2, mode="bilinear", align_corners=False)
    grey = torch.einsum("nchw,c->n", images, torch.tensor([0.2989, 0.587, 0.114], dtype=torch.float64)) / SIDE**2
    images = task.contrast * images + (1 - task.contrast) * grey.view(-1, 1, 1, 1)
    standardised = (images - data.mean) / data.std
    return (lambda i: standardised[i]), (lambda i: standardised[i])


@torch.no_grad()
def evaluated(model, images, labels):
    """Return mean loss and accuracy in evaluation mode."""
    model.eval()
    logits = model(images)
    model.train()
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).double().mean().item()


def textbook(model, path, seed, setting):
    """Train one network along its path with the framework's optimizer; return what its passages should be."""
    passages = []
    for number, stage in enumerate(path):
        for position, intervene in enumerate(stage.before):
            intervene(model, intervention_draws(seed, number, position))
        task, process, data, end = stage.task, stage.process, tiny(stage.task.dataset), number - len(path)
        generator = torch.Generator().manual_seed(stream(seed, "split"))
        own, held_out = train_validation_split(IMAGES, Fraction(setting.validation), generator)
        own = own[: max(1, round(task.share * len(own)))]
        in_training, fixed = views(task, data, stream(seed, f"{end}"))
        order = stream(seed, f"order of stage {end}")
        epochs = shuffled_epochs(own[None], process.epochs, setting.batch_size, [order])
        optimizer = torch.optim.SGD(
            model.parameters(), process.rate, momentum=process.momentum, weight_decay=process.weight_decay
        )
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, process.decay)
        initial = evaluated(model, fixed(own), data.labels[own])[0]
        losses, validation, best, kept = [], [], 0, None
        model.train()
        for number_of_epoch, epoch in enumerate(epochs, start=1):
            total = 0.0
            for (batch,) in epoch:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(in_training(batch)), data.labels[batch])
                loss.backward()
                optimizer.step()
                total += loss.item()
            schedule.step()
            losses.append(total / len(epoch))
            if process.patience is None:
                best = number_of_epoch
                continue
            validation.append(evaluated(model, fixed(held_out), data.labels[held_out])[0])
            if validation[-1] < min([*validation[:-1], float("inf")]):
                best, kept = number_of_epoch, copy.deepcopy(model.state_dict())
            if number_of_epoch - best >= process.patience:
                break
        if kept is not None:
            model.load_state_dict(kept)
        final_loss, train_accuracy = evaluated(model, fixed(own), data.labels[own])
        test_loss, test_accuracy = evaluated(model, data.test_images, data.test_labels)
        passages.append(
            {
                "loss": losses,
                "validation_loss": validation,
                "best_epoch": best,
                "initial_loss": initial,
                "final_loss": final_loss,
                "train_accuracy": train_accuracy,
                "test_loss": test_loss,
                "test_accuracy": test_accuracy,
            }
        )
    return passages


def require_textbook(runs, setting):
    """Follow the paths of all runs, and each alone as a textbook would; return the passages."""
    alone = [copy.deepcopy(run.model) for run in runs]
    found = list(follow(runs, setting, CALL))
    assert len(found) == len(runs)
    for run, model, passages in zip(runs, alone, found, strict=True):
        expected = textbook(model, run.path, run.seed, setting)
        assert len(passages) == len(expected)
        for passage, fields in zip(passages, expected, strict=True):
            for name, value in fields.items():
                assert getattr(passage, name) == pytest.approx(value, rel=2e-6), name
        for (name, value), wanted in zip(run.model.state_dict().items(), model.state_dict().values(), strict=True):
            torch.testing.assert_close(value, wanted, rtol=1e-8, atol=1e-9, msg=name)
    return found


BLUR, SHARP = Task("tiny", blur=0.5, contrast=0.3), Task("tiny")
QUICK = Process(0.1, 3, 0.05, decay=0.7)
LONG = Process(0.02, 4, 0.01, decay=0.9)
STOPPED = Process(0.2, 25, 0.0, patience=4)
AGAIN = Process(0.1, 20, 1e-3, decay=0.95, patience=3)


def two(first=QUICK, second=LONG, source=BLUR, before=()):
    return Stage(source, first), Stage(SHARP, second, before)


PLAIN = [
    two(),
    two(replace(QUICK, rate=0.03, weight_decay=0.0, decay=1.0), replace(LONG, rate=0.2, weight_decay=0.2)),
    two(source=replace(BLUR, blur=0.25), before=(Shake(), BiasReset())),
    two(source=replace(SHARP, shift=0.5, flip=True)),
    (Stage(SHARP, QUICK, (BiasReset(),)), Stage(SHARP, LONG)),
]
STOPPING = [
    two(STOPPED, AGAIN),
    two(replace(STOPPED, rate=0.05), replace(AGAIN, rate=0.02)),
    two(replace(STOPPED, weight_decay=0.1), AGAIN, before=(Shake(0.3),)),
    two(replace(STOPPED, rate=0.02), AGAIN, source=replace(BLUR, blur=1.0, shift=0.25)),
]


@pytest.fixture
def programs(monkeypatch):
    """Note how many runs every program has."""
    seen = []

    class Noted(training.Program):
        def __init__(self, models):
            seen.append(len(models))
            super().__init__(models)

    monkeypatch.setattr(training, "Program", Noted)
    return seen


@pytest.mark.parametrize("setting", [MLP, UNHELD], ids=["held out", "all"])
def test_runs_of_two_tasks_train_together_as_a_textbook_trains_each(setting, programs):
    require_textbook(followers(PLAIN, setting), setting)
    assert programs == [len(PLAIN)] * 2


def test_weights_without_batch_norm_too():
    setting = replace(MLP, model=architecture(grouped_mlp, inputs=48, hidden=5, num_classes=CLASSES))
    require_textbook(followers(PLAIN[:3], setting), setting)


def test_runs_that_stop_early_on_their_own_hand_on_their_best_weights(programs):
    found = require_textbook(followers(STOPPING), MLP)
    assert programs == [len(STOPPING)] * 2
    for stage in range(2):
        assert len({len(passages[stage].loss) for passages in found}) > 1  # ends of their own
    for first, second in found:
        for passage in (first, second):
            assert len(passage.loss) == len(passage.validation_loss)
            assert passage.best_epoch == 1 + passage.validation_loss.index(min(passage.validation_loss))
    # the last weights are others than the best ones
    assert all(first.best_epoch < len(first.loss) for first, _ in found[:3])


def test_results_come_in_the_order_of_the_runs_whatever_the_shapes_of_their_paths(programs):
    paths = [
        PLAIN[0],
        (Stage(SHARP, LONG),),
        STOPPING[0],
        PLAIN[1],
        (*two(), Stage(Task("other"), QUICK)),
        (Stage(SHARP, replace(LONG, rate=0.3)),),
        (Stage(replace(SHARP, share=0.5), LONG),),
        (Stage(SHARP, replace(LONG, momentum=0.0)),),
    ]
    found = require_textbook(followers(paths), MLP)
    assert [len(passages) for passages in found] == [2, 1, 2, 2, 3, 1, 1, 1]
    assert sorted(programs) == [1] * 2 + [1] * 3 + [1] + [1] + [2] + [2] * 2


@pytest.mark.parametrize(("width", "together"), [(2, [2, 2]), (5, [1, 1, 1, 1])])
def test_residual_networks_narrow_in_a_stack_or_wide_on_their_own(programs, width, together):
    model = architecture(grouped_resnet, num_classes=CLASSES, width=width, depth=1)
    assert stackable(build(model), CALL.device) is (width == 2)
    setting = replace(MLP, model=model, batch_size=7)  # BatchNorm on single pixels magnifies rounding in smaller ones
    short, again = replace(STOPPED, rate=0.01, epochs=4, patience=2), replace(AGAIN, rate=0.01, epochs=2)
    paths = [two(short, again, before=before) for before in ((), (BiasReset(),))]
    require_textbook(followers(paths, setting), setting)
    assert programs == together


def test_what_a_run_computes_does_not_depend_on_its_neighbours():
    for paths in (PLAIN, STOPPING):
        together = list(follow(followers(paths), MLP, CALL))
        for seed, path in enumerate(paths):
            (alone,) = follow(followers([path], seeds=[seed]), MLP, CALL)
            for passage, expected in zip(together[seed], alone, strict=True):
                assert passage.loss == pytest.approx(expected.loss)
                assert passage.validation_loss == pytest.approx(expected.validation_loss)
                assert passage.best_epoch == expected.best_epoch
                assert passage.test_loss == pytest.approx(expected.test_loss)


def test_the_same_runs_are_the_same_to_the_last_bit():
    paths = [*PLAIN, *STOPPING]
    first, second = (list(follow(followers(paths), MLP, CALL)) for _ in range(2))
    for passages, again in zip(first, second, strict=True):
        for passage, other in zip(passages, again, strict=True):
            assert {**vars(passage), "seconds": 0} == {**vars(other), "seconds": 0}


def arms_of_a_replicate(first):
    """Return paths of one seed that begin alike and part at some task, among them one that is another's beginning."""
    reset = Stage(SHARP, replace(AGAIN, epochs=5), (BiasReset(),))
    last = replace(reset, before=())
    return [
        (first, last),
        (first, reset),
        (first, replace(last, before=(Shake(),))),
        (first,),  # the last task of its path, in another order
        (first, last),  # the same once more
        (replace(first, before=(Shake(),)), last),
        (first, last, reset),
        (first, last, replace(reset, process=replace(AGAIN, epochs=5, rate=0.01))),
        (first, reset, reset),
    ]


@pytest.mark.parametrize("first", [Stage(SHARP, QUICK), Stage(BLUR, STOPPED), Stage(replace(BLUR, shift=0.25), QUICK)])
def test_arms_of_a_replicate_that_begin_alike_are_textbook_runs(first):
    paths = arms_of_a_replicate(first)
    found = require_textbook(followers(paths, seeds=[3] * len(paths)), MLP)
    assert found[0][1].loss == found[4][1].loss
    assert found[0][0].loss == found[1][0].loss
    assert found[0][1].test_loss != found[1][1].test_loss


def test_what_arms_of_a_replicate_have_in_common_is_trained_once(programs):
    first = Stage(BLUR, QUICK)
    paths = arms_of_a_replicate(first)
    list(follow(followers(paths * 2, seeds=[3] * len(paths) + [4] * len(paths)), MLP, CALL))
    # of each seed two beginnings and four ends of two tasks, one task alone, then one, two and three of three tasks
    assert programs == [2 * 2, 2 * 4, 2 * 1, 2 * 1, 2 * 2, 2 * 3]


def test_shared_training_is_counted_once_and_its_runs_go_their_own_ways():
    paths = [(Stage(SHARP, QUICK), Stage(SHARP, LONG, before)) for before in ((), (BiasReset(),), ())]
    runs = followers(paths, seeds=[3] * 3)
    found = list(follow(runs, MLP, CALL, Measures(weights_of, weights_of)))
    assert [passages[0].seconds > 0 for passages in found] == [True, False, False]
    assert [passages[1].seconds > 0 for passages in found] == [True, True, False]
    for name in ("seen", "ends"):
        firsts = [getattr(passages[0], name)["weight"] for passages in found]
        assert torch.equal(firsts[0], firsts[1])
    states = [run.model.state_dict() for run in runs]
    assert all(torch.equal(value, states[2][name]) for name, value in states[0].items())
    assert not torch.equal(states[0]["1.weight"], states[1]["1.weight"])
    with torch.no_grad():
        states[0]["1.weight"].zero_()
    assert not (states[2]["1.weight"] == 0).any()  # networks of their own


def test_networks_on_their_own_share_their_beginning_too(programs):
    model = architecture(grouped_resnet, num_classes=CLASSES, width=5, depth=1)
    setting = replace(MLP, model=model, batch_size=7)
    quick = replace(QUICK, rate=0.01)
    paths = [(Stage(BLUR, quick), Stage(SHARP, quick, before)) for before in ((), (BiasReset(),))]
    require_textbook(followers(paths, setting, seeds=[3, 3]), setting)
    assert programs == [1, 1, 1]


@pytest.fixture
def batches(monkeypatch):
    """Note every stage's batches, images to train on, images held out, and how it shows them."""
    seen = []

    class Noted(training._Training):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.epochs = list(self.epochs)
            presented, _ = self.shown.in_training(self.train)  # the first draws of the stage
            seen.append(
                (
                    torch.stack([torch.stack(list(epoch)) for epoch in self.epochs]),
                    self.train,
                    self.validation,
                    self.test,
                    presented,
                )
            )

    monkeypatch.setattr(training, "_Training", Noted)
    return seen


def test_the_target_task_has_the_same_split_order_and_draws_however_many_tasks_go_before(batches):
    target = Stage(replace(SHARP, shift=0.5, flip=True), LONG)
    before = Stage(BLUR, QUICK)
    longer = Stage(Task("other", contrast=0.5), replace(QUICK, epochs=1))
    paths = [(target,), (before, target), (longer, before, target), (replace(before, before=(Shake(),)), target)]
    last, splits = [], []
    for path in paths:
        batches.clear()
        list(follow(followers([path], seeds=[7]), MLP, CALL))
        last.append(batches[-1])
        splits += [stage[1:3] for stage in batches]
    for found in last[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found, last[0], strict=True))
    for own, held_out in splits:  # the split is that of the replicate, whatever the task
        assert torch.equal(own, splits[0][0])
        assert torch.equal(held_out, splits[0][1])
    assert sorted([*splits[0][0][0].tolist(), *splits[0][1][0].tolist()]) == list(range(IMAGES))
    assert len(splits[0][1][0]) == IMAGES // 5


def test_other_stages_and_other_seeds_have_an_order_of_their_own(batches):
    path = (Stage(SHARP, LONG),) * 3
    list(follow(followers([path], seeds=[7]), MLP, CALL))
    list(follow(followers([path], seeds=[8]), MLP, CALL))
    orders = [epochs.flatten().tolist() for epochs, *_ in batches]
    assert len(set(map(tuple, orders))) == 6
    assert not torch.equal(batches[0][1], batches[3][1])


def test_every_run_of_a_program_has_the_split_and_order_of_its_seed(batches):
    paths = [(Stage(SHARP, replace(LONG, rate=rate)),) for rate in (0.01, 0.02, 0.03)]
    list(follow(followers(paths, seeds=[7, 8, 7]), MLP, CALL))
    epochs, own, *_ = batches[0]
    assert torch.equal(epochs[:, :, 0], epochs[:, :, 2])
    assert torch.equal(own[0], own[2])
    assert not torch.equal(own[0], own[1])
    for run in range(3):
        assert set(epochs[:, :, run].flatten().tolist()) <= set(own[run].tolist())


@pytest.mark.parametrize(("share", "count"), [(1.0, 21), (0.5, 10), (0.2, 4)])
def test_a_share_of_the_training_images_is_used_and_the_same_ones_are_held_out(batches, share, count):
    list(follow(followers([(Stage(replace(SHARP, share=share), LONG),)], seeds=[3]), MLP, CALL))
    list(follow(followers([(Stage(SHARP, LONG),)], seeds=[3]), MLP, CALL))
    (epochs, own, held_out, *_), (_, everything, all_held_out, *_) = batches
    assert own.shape == (1, count)
    assert torch.equal(own, everything[:, :count])  # a part of what the whole task trains on
    assert torch.equal(held_out, all_held_out)
    assert set(epochs.flatten().tolist()) <= set(own.flatten().tolist())


def test_a_share_leaves_at_least_one_image():
    own, held_out = training.split(tiny("tiny"), replace(SHARP, share=0.001), "1/5", 0)
    assert (len(own), len(held_out)) == (1, 5)


def weights_of(program, shown, runs):
    return {"weight": program.parameters_of_runs()["1.weight"].clone()}


def test_observations_are_made_before_training_after_every_epoch_and_at_both_ends():
    runs = followers(STOPPING)
    begun = [copy.deepcopy(run.model.state_dict()["1.weight"]) for run in runs]
    found = list(follow(runs, MLP, CALL, Measures(weights_of, weights_of)))
    for run, weight, (first, second) in zip(runs, begun, found, strict=True):
        for passage in (first, second):
            seen, ends = passage.seen["weight"], passage.ends["weight"]
            assert seen.shape == (1 + len(passage.loss), *weight.shape)
            assert ends.shape == (2, *weight.shape)
            assert torch.equal(ends[0], seen[0])
            assert torch.equal(ends[1], seen[passage.best_epoch])  # the weights handed on
        assert torch.equal(first.seen["weight"][0], weight)
        shaken = len(run.path[1].before)
        assert torch.equal(second.seen["weight"][0], first.ends["weight"][1]) is (not shaken)
        assert torch.equal(second.ends["weight"][1], run.model.state_dict()["1.weight"])


def test_interventions_come_in_order_before_the_first_look_and_change_their_own_run_alone():
    @dataclass(frozen=True)
    class Fill:
        value: float

        @torch.no_grad()
        def __call__(self, model, generator):
            model[1].weight.fill_(self.value)

    paths = [(Stage(SHARP, LONG, (Fill(1.0), Fill(2.0))),), (Stage(SHARP, LONG),), (Stage(SHARP, LONG, (Fill(3.0),)),)]
    runs = followers(paths)
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


def test_training_shows_new_draws_and_evaluation_fixed_ones(monkeypatch):
    calls = []

    class Noted(Shown):
        def in_training(self, index):
            calls.append("training")
            return super().in_training(index)

        def fixed(self, index):
            calls.append(("fixed", index.shape[1]))
            return super().fixed(index)

        def to_test(self, index):
            calls.append(("test", index.shape[1]))
            return super().to_test(index)

    monkeypatch.setattr(training, "Shown", Noted)
    list(follow(followers([(Stage(BLUR, replace(AGAIN, epochs=2)),)]), MLP, CALL))
    epoch = ["training"] * 5 + [("fixed", 5)]
    assert calls == [("fixed", 21), *epoch, *epoch, ("fixed", 21), ("test", TESTS)]


def test_a_run_that_diverges_keeps_its_last_weights_and_spares_its_neighbours():
    wild = replace(STOPPED, rate=1e30, patience=2)
    runs = followers([(Stage(SHARP, wild),), (Stage(SHARP, replace(STOPPED, patience=2)),)])
    expected = copy.deepcopy(runs[1].model)
    (diverged,), (sound,) = follow(runs, MLP, CALL)
    assert diverged.best_epoch <= 1
    (fields,) = textbook(expected, runs[1].path, 1, MLP)
    assert sound.loss == pytest.approx(fields["loss"], rel=2e-6)
    assert sound.test_loss == pytest.approx(fields["test_loss"])


def test_patience_without_images_to_validate_on_is_refused():
    with pytest.raises(ValueError, match="early stopping needs images to validate on"):
        next(follow(followers([(Stage(SHARP, STOPPED),)], UNHELD), UNHELD, CALL))
    next(follow(followers([(Stage(SHARP, LONG),)], UNHELD), UNHELD, CALL))


def test_a_program_shares_what_its_paths_have_in_common():
    def alike(first, second):
        return training.shape((first,)) == training.shape((second,))

    stage = Stage(SHARP, STOPPED)
    for same in (
        Stage(BLUR, STOPPED),
        Stage(replace(SHARP, shift=0.5, flip=True), STOPPED),
        Stage(SHARP, replace(STOPPED, rate=1.0, weight_decay=0.5, decay=0.5)),
        Stage(SHARP, STOPPED, (BiasReset(),)),
    ):
        assert alike(stage, same)
    for other in (
        Stage(Task("other"), STOPPED),
        Stage(replace(SHARP, share=0.5), STOPPED),
        Stage(SHARP, replace(STOPPED, epochs=1)),
        Stage(SHARP, replace(STOPPED, patience=5)),
        Stage(SHARP, replace(STOPPED, patience=None)),
        Stage(SHARP, replace(STOPPED, momentum=0.5)),
    ):
        assert not alike(stage, other)


def test_operations_of_a_network_are_counted_on_images_of_the_data_set():
    # 64 x 100 + 100 x 100 + 100 x 10 products and sums
    assert architecture_cost(architecture(grouped_mlp), DIGITS_250.shape).operations == 2 * (6_400 + 10_000 + 1_000)


def with_dropout(seed):
    model = torch.nn.Sequential(torch.nn.Flatten(-3), torch.nn.Dropout(), torch.nn.Linear(48, CLASSES)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.01)
    return Follower(model, (Stage(Task("tiny"), Process(0.1, 2, 0.0)),), seed)


def test_dropout_depends_on_the_seed_alone():
    single, pair = [with_dropout(1)], [with_dropout(2), with_dropout(1)]
    before = torch.get_rng_state()
    (alone,) = follow(single, UNHELD, CALL)
    other, again = follow(pair, UNHELD, CALL)
    assert torch.equal(torch.get_rng_state(), before)
    assert again[0].loss == alone[0].loss
    assert other[0].loss != alone[0].loss
