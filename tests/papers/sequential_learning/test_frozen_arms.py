from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from common.datasets.cifar import CIFAR10, CIFAR100
from common.experiment import Job, Tier
from common.models.all_cnn import all_cnn_small
from common.models.architecture import architecture, architecture_of
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.run.call import Call
from common.seeds import stream
from papers.sequential_learning.data import DIGITS_250, DIGITS_1000, parity
from papers.sequential_learning.frozen_weights import arms
from papers.sequential_learning.frozen_weights.arms import Retrained, Scratch, network, shorten
from papers.sequential_learning.frozen_weights.fig3 import FIG3
from papers.sequential_learning.frozen_weights.fig4 import FIG4
from papers.sequential_learning.frozen_weights.fig5_6 import FIG5, FIG6, all_of, by_rate, by_weight_decay
from papers.sequential_learning.frozen_weights.interventions import FrozenReset, NewClassifier, PairStart, SparseStart
from papers.sequential_learning.frozen_weights.procedures import MEASURED, TRAINING, work
from papers.sequential_learning.frozen_weights.settings import (
    ALEXNET,
    ALL_CNN,
    ALL_CNN_PLAIN,
    RESNET,
    RESNET_PLAIN,
    RETRAINED,
    FrozenSetting,
)
from papers.sequential_learning.frozen_weights.table1 import TABLE1
from papers.sequential_learning.frozen_weights.table2 import TABLE2
from papers.sequential_learning.frozen_weights.table3 import TABLE3
from papers.sequential_learning.path import Process, Stage, Task
from tests.measured import measured
from tests.papers.sequential_learning.test_metrics import passage

CALL = Call(torch.device("cpu"), Path("no data needed"))
LENGTHS = {"source_epochs": 3, "epochs": 2, "source_decay": 0.9, "decay": 0.8}
TINY = FrozenSetting("tiny/bn_mlp", architecture(bn_mlp, hidden=8), DIGITS_250, 16, **LENGTHS)
TINY_CNN = replace(TINY, name="tiny/cnn", model=architecture(all_cnn_small, width=2))
EXPERIMENTS = (FIG3, FIG4, TABLE1, TABLE2, TABLE3, FIG5, FIG6)
FIRST = Process(0.05, 3, 1e-3, decay=0.9)
SECOND = Process(0.05, 2, 1e-3, decay=0.8)
TARGET = Task(DIGITS_250)
RESET = (FrozenReset(),)


def test_a_network_from_scratch_learns_one_task():
    assert Scratch(TINY, 0.3, 0.02).learning_path() == (Stage(TARGET, Process(0.3, 2, 0.02, decay=0.8)),)


def test_augmentation_mirrors_and_shifts_by_half_of_the_side():
    (stage,) = Scratch(TINY, 0.3, 0.02, augmented=True).learning_path()
    assert stage.task == Task(DIGITS_250, shift=0.5, flip=True)


@pytest.mark.parametrize("start", [SparseStart("double", 0.5), PairStart("near_zero")])
def test_a_start_comes_before_the_only_task(start):
    (stage,) = Scratch(TINY, 0.3, 0.02, start=start).learning_path()
    assert stage.before == (start,)
    assert stage.task == TARGET


@pytest.mark.parametrize(("reset", "before"), [(False, ()), (True, RESET)])
@pytest.mark.parametrize(
    ("source", "task"),
    [
        ("blur", Task(DIGITS_250, blur=0.25)),
        ("tenth", Task(DIGITS_250, share=0.1)),
        ("regular", Task(DIGITS_250)),
    ],
)
def test_another_view_of_the_target_keeps_the_classifier(source, task, reset, before):
    path = Retrained(TINY, source, reset).learning_path()
    assert path == (Stage(task, FIRST), Stage(TARGET, SECOND, before))


@pytest.mark.parametrize(("reset", "after"), [(False, ()), (True, RESET)])
def test_another_data_set_brings_classifiers_of_its_own_before_any_reset(reset, after):
    path = Retrained(TINY, CIFAR100, reset).learning_path()
    first = Stage(Task(CIFAR100), FIRST, (NewClassifier(100),))
    assert path == (first, Stage(TARGET, SECOND, (NewClassifier(10), *after)))
    (first, _) = Retrained(TINY, parity(DIGITS_1000), reset).learning_path()
    assert first.before == (NewClassifier(2),)


@pytest.mark.parametrize("source", ["none", "imagenet"])
def test_without_pretraining_of_our_own_there_is_one_task(source):
    assert Retrained(TINY, source).learning_path() == (Stage(TARGET, SECOND),)
    assert Retrained(TINY, source, reset=True).learning_path() == (Stage(TARGET, SECOND, RESET),)


def test_rates_and_weight_decays_are_those_of_their_stage():
    arm = Retrained(
        TINY, "blur", source_rate=0.1, rate=0.2, source_weight_decay=0.3, weight_decay=0.4, shifted=True, samples=0.5
    )
    first, second = arm.learning_path()
    assert first == Stage(Task(DIGITS_250, blur=0.25), Process(0.1, 3, 0.3, decay=0.9))
    assert second == Stage(Task(DIGITS_250, shift=0.5, share=0.5), Process(0.2, 2, 0.4, decay=0.8))


@pytest.mark.parametrize(
    ("experiment", "smoke", "full"),
    [
        (FIG3, 5 + 2, 2 * (7 + 1)),
        (FIG4, 4 * 3, 4 * 7),
        (TABLE1, 19, 2 * 19),
        (TABLE2, 5, 2 * 10 + 5 + 2),
        (TABLE3, 2 * 5 + 2, 4 * 5 + 4),
        (FIG5, 9, 2 * (13 + 9 - 1)),
        (FIG6, 18, 2 * (13 + 9 - 1)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_grids_have_their_sizes_and_no_arm_twice(experiment, smoke, full):
    for tier, size in ((Tier.SMOKE, smoke), (Tier.FULL, full)):
        assert len(set(experiment.grid(tier).cells)) == len(experiment.grid(tier).cells) == size
    assert experiment.full.seeds == (3 if experiment is FIG4 else 6)
    assert experiment.procedure.metrics == MEASURED


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda each: each.name)
def test_every_arm_ends_with_the_images_of_its_target_and_a_reset_is_never_in_pretraining(experiment):
    for tier in Tier:
        for cell in experiment.grid(tier).cells:
            *before, last = cell.learning_path()
            assert last.task.dataset == cell.setting.dataset
            assert (last.task.blur, last.task.contrast) == (1.0, 1.0)
            assert last.process == Process(cell.rate, cell.setting.epochs, cell.weight_decay, cell.setting.decay)
            assert not any(isinstance(own, FrozenReset) for stage in before for own in stage.before)
            assert (
                last.before[-1] == FrozenReset(cell.constant, cell.scales)
                if getattr(cell, "reset", False)
                else FrozenReset() not in last.before
            )
            if isinstance(cell, Scratch):
                assert not before
            assert work(cell).operations > 0


@pytest.mark.parametrize("experiment", [TABLE2, TABLE3], ids=lambda each: each.name)
def test_every_retrained_arm_of_a_table_has_a_twin_that_differs_by_the_reset_alone(experiment):
    for tier in Tier:
        cells = set(experiment.grid(tier).cells)
        for cell in cells:
            twin = replace(cell, reset=not cell.reset, constant=0.1, scales="one")
            assert twin in cells or cell.source == "none"


def test_full_settings_are_those_of_section_5():
    for setting in (RESNET, RESNET_PLAIN, ALL_CNN, ALL_CNN_PLAIN, ALEXNET):
        assert (setting.dataset, setting.batch_size) == (CIFAR10, 128)
        assert (setting.source_epochs, setting.epochs, setting.source_decay, setting.decay) == (140, 160, 0.994, 0.97)
        assert setting.validation == "0"  # nothing stops early
    assert dict(RESNET_PLAIN.model.arguments)["affine"] == dict(ALL_CNN_PLAIN.model.arguments)["affine"] == 0
    names = [setting.name for setting in (RESNET, RESNET_PLAIN, ALL_CNN, ALL_CNN_PLAIN, ALEXNET)]
    assert len(set(names)) == 5


def of(experiment, setting, tier=Tier.FULL):
    return [cell for cell in experiment.grid(tier).cells if cell.setting is setting]


@pytest.mark.parametrize("setting", [RESNET, ALL_CNN])
def test_figure_3_weight_decays(setting):
    *others, low = of(FIG3, setting)
    assert [cell.weight_decay for cell in others] == [0.0, 1e-5, 1e-4, 5e-4, 1e-3, 2e-3, 5e-3]
    assert {cell.rate for cell in others} == {0.1}
    assert (low.rate, low.weight_decay) == (0.01, 5e-3)
    assert all(cell.start is None and not cell.augmented for cell in (*others, low))


def test_figure_4_starts_of_pairs():
    cells = of(FIG4, ALL_CNN)
    starts = {cell.start.start for cell in cells}
    assert starts == {"reference", "exact_zero", "near_zero", "near_zero_triple"}
    assert {(cell.start.start, cell.weight_decay) for cell in cells} == {
        (start, decay) for start in starts for decay in (0.0, 1e-5, 1e-4, 5e-4, 1e-3, 2e-3, 5e-3)
    }


@pytest.mark.parametrize("augmented", [True, False])
def test_table_1_kinds_and_sparsities(augmented):
    cells = [cell for cell in of(TABLE1, ALL_CNN) if cell.augmented is augmented]
    dense, *starts = [cell.start for cell in cells]
    assert dense == SparseStart("double", 0.0)  # no weight is zeroed
    sparsities = (0.5, 0.8, 0.92, 0.98)
    expected = {SparseStart(kind, sparsity) for kind in ("mono", "double", "triple") for sparsity in sparsities}
    expected |= {SparseStart("triple", sparsity, "equal") for sparsity in sparsities}
    assert set(starts) == expected | {SparseStart("double", 0.98, unit=unit) for unit in ("kernel", "filter")}
    assert {(cell.rate, cell.weight_decay) for cell in cells} == {(0.05, 1e-3)}


def test_table_2_transitions():
    cells = TABLE2.full.cells
    sizes = [cell for cell in cells if (cell.constant, cell.scales) != (0.1, "one")]
    rows = [(str(c.source), c.setting.dataset.name, c.samples) for c in cells if not c.reset]
    assert rows == [
        ("cifar10", "cifar100", 1.0),
        ("cifar10", "fashion_mnist-rgb32", 1.0),
        ("mnist-rgb32", "fashion_mnist-rgb32", 1.0),
        ("svhn", "cifar10", 1.0),
        *(
            ("imagenet", target, 1.0)
            for target in ("fashion_mnist", "kmnist", "emnist_letters", "cifar100", "resisc45", "patch_camelyon")
        ),
        ("cifar10", "cifar100", 0.05),
    ]
    assert [(cell.constant, cell.scales) for cell in sizes] == [
        *((constant, "one") for constant in (0.01, 0.5)),
        *((constant, "add") for constant in (0.01, 0.1, 0.5)),
    ]
    assert {(cell.setting.name, cell.reset) for cell in sizes} == {("resisc45/resnet50", True)}
    for cell in cells:
        assert dict(cell.setting.model.arguments)["num_classes"] == cell.setting.dataset.classes
        assert bool(cell.setting.imagenet) is (cell.source == "imagenet") is (not cell.setting.standardise)
    first, second = cells[0].learning_path()
    assert first.before == (NewClassifier(10),)
    assert second.before == (NewClassifier(100),)


def test_table_3_transitions():
    for setting in (RESNET, RESNET_PLAIN, ALL_CNN, ALL_CNN_PLAIN, ALEXNET):
        own, cells = of(TABLE3, setting), [cell for cell in of(TABLE3, setting) if cell.source != "none"]
        assert own == (cells if setting is ALEXNET else [Retrained(setting, "none"), *cells])
        assert [(cell.source, cell.shifted, cell.reset) for cell in cells] == [
            ("blur", False, False),
            ("blur", False, True),
            ("regular", True, False),
            ("regular", True, True),
        ]
        blurred, shifted = cells[0].learning_path(), cells[2].learning_path()
        assert [stage.task for stage in blurred] == [Task(CIFAR10, blur=0.25), Task(CIFAR10)]
        assert [stage.task for stage in shifted] == [Task(CIFAR10), Task(CIFAR10, shift=0.5)]
        rates = {(cell.source_rate, cell.rate, cell.source_weight_decay, cell.weight_decay) for cell in cells}
        rate = 0.01 if setting is ALEXNET else 0.05
        assert rates == {(rate, rate, 1e-3, 1e-3)}


def shrinkage(cell, steps):
    """Return by how many e-folds pretraining shrinks a weight without gradient."""
    process = cell.learning_path()[0].process
    rates = [process.rate * process.decay**epoch for epoch in range(process.epochs)]
    return steps * sum(rates) * process.weight_decay / (1 - process.momentum)


def test_weights_without_gradient_shrink_as_far_in_smoke_as_in_the_full_tier():
    cells = [cell for table in (TABLE2, TABLE3) for cell in table.smoke.cells if len(cell.learning_path()) == 2]
    of_digits = [shrinkage(cell, 1_000 // 32) for cell in cells if cell.setting.name != "digits/mlp"]
    of_cifar = [shrinkage(cell, 50_000 // 128) for cell in of(TABLE3, RESNET) if cell.source != "none"]
    assert of_digits == pytest.approx([18.6] * len(cells[2:]), abs=1e-6)
    assert of_cifar == pytest.approx([18.5] * 4, abs=0.05)


def test_figure_5_weight_decays_and_rates_equal_and_lower_before():
    decays = [(cell.source_weight_decay, cell.weight_decay) for cell in by_weight_decay(TINY, (0.0, 0.1, 0.2))]
    assert decays == [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (0.0, 0.1), (0.0, 0.2)]
    rates = [(cell.source_rate, cell.rate) for cell in by_rate(TINY, (0.1, 0.2))]
    assert rates == [(0.1, 0.1), (0.2, 0.2), (0.1, 0.2)]
    assert {(cell.source_rate, cell.rate) for cell in by_weight_decay(TINY, (0.0, 0.1))} == {(0.05, 0.05)}
    assert {(cell.source_weight_decay, cell.weight_decay) for cell in by_rate(TINY, (0.1, 0.2))} == {(1e-3, 1e-3)}
    assert len(all_of(TINY, (0.0, 1e-3), (0.01, 0.05))) == 3 + 3 - 1  # the common arm once
    assert {cell.source for cell in FIG5.full.cells} == {"blur"}


def test_figure_6_has_every_arm_blurred_and_on_a_tenth():
    for tier in Tier:
        cells = FIG6.grid(tier).cells
        tenth = {replace(cell, source="blur") for cell in cells if cell.source == "tenth"}
        assert tenth == {cell for cell in cells if cell.source == "blur"}
    assert {cell.setting for cell in FIG6.full.cells} == {RESNET}


def test_the_work_of_an_arm_is_that_of_all_its_epochs_on_the_images_used():
    shown = 3 * 2 * (64 * 8 + 8 * 8 + 8 * 8 + 8 * 10) - 2 * 64 * 8  # the images need no gradient
    assert work(Scratch(TINY, 0.1, 0.0)).operations == 2 * 250 * shown
    assert work(Retrained(TINY, "blur")).operations == (3 + 2) * 250 * shown
    assert work(Retrained(TINY, "tenth", samples=0.5)).operations == pytest.approx((3 * 25 + 2 * 125) * shown)


CELLS = [
    Scratch(TINY, 0.05, 1e-3),
    Scratch(TINY, 0.05, 1e-3, augmented=True),
    Scratch(TINY, 0.05, 1e-3, start=SparseStart("triple", 0.5)),
    Retrained(TINY, "none"),
    Retrained(TINY, "blur"),
    Retrained(TINY, "blur", reset=True),
    Retrained(TINY, "tenth", source_rate=0.1),
    Retrained(TINY, "regular", shifted=True),
    Retrained(TINY, parity(DIGITS_250)),
    Retrained(TINY, parity(DIGITS_250), reset=True, samples=0.5),
]


def test_arms_of_a_replicate_begin_with_the_same_weights_drawn_as_the_framework_draws_them(monkeypatch):
    seen = []

    def noting(learners, setting, call, measures):
        seen.extend(learners)
        assert (setting, measures.every_epoch, measures.at_ends) == (TINY, arms.at_every_epoch, arms.at_both_ends)
        for number, _ in enumerate(learners):
            yield [passage(test_loss=float(number))]

    monkeypatch.setattr(arms, "follow", noting)
    jobs = [Job(TRAINING, cell, seed) for seed in (5, 6) for cell in CELLS]
    found = list(arms.train(jobs, CALL))
    assert [job for job, _ in found] == jobs
    assert [metrics.scalars["test_loss"] for _, metrics in found] == list(range(len(jobs)))
    assert [run.path for run in seen] == [job.cell.learning_path() for job in jobs]
    assert [run.seed for run in seen] == [job.seed for job in jobs]
    for run in seen:
        expected = bn_mlp(hidden=8)
        initialise(expected, "framework_uniform", stream(run.seed, "initialisation"))
        assert architecture_of(run.model) == architecture_of(expected)
        for name, value in run.model.state_dict().items():
            assert torch.equal(value, expected.state_dict()[name])
    assert not torch.equal(seen[0].model[1].weight, seen[-1].model[1].weight)


WEIGHTS = replace(CALL, weights=Path("weights of ImageNet"))


@pytest.fixture
def published(monkeypatch):
    """Stand in for published weights: an extractor of 4 features, and its last layer for 1000 classes."""

    def backbone(name, folder):
        assert (name, folder) == ("resnet50", Path("weights of ImageNet"))
        extractor = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(-3))
        for parameter in extractor.parameters():
            nn.init.constant_(parameter, 0.1)
        return extractor, nn.Linear(4, 1000)

    monkeypatch.setattr(arms, "backbone", backbone)
    monkeypatch.setattr(arms, "IMAGENET_SIDE", 8)
    return replace(TINY, name="tiny/resnet50", standardise=False, imagenet="resnet50")


def test_published_weights_get_a_classifier_of_the_target_by_the_seed(published):
    model, again, other = (network(published, seed, WEIGHTS.weights) for seed in (3, 3, 4))
    assert model[2].weight.shape == (10, 4)
    assert (model[1][0].weight == 0.1).all()
    assert torch.equal(model[2].weight, again[2].weight)
    assert not torch.equal(model[2].weight, other[2].weight)
    assert model[2].weight.abs().max() <= 0.5


def test_a_network_with_published_weights_is_tuned_on_images_as_they_are(published):
    cells = [Retrained(published, "imagenet", reset, rate=0.01) for reset in (False, True)]
    plain, reset = measured(TRAINING, [Job(TRAINING, cell, 0) for cell in cells], WEIGHTS)
    for metrics in (plain, reset):
        assert "fisher" not in metrics.scalars  # nor sensitivity: these are measured on standardised images
        assert "small_share_start" in metrics.scalars
        assert len(metrics.curves["training_loss"]) == 2
    assert plain.scalars["test_loss"] != reset.scalars["test_loss"]


def test_tiny_arms_train_and_are_the_same_again():
    jobs = [Job(TRAINING, cell, 0) for cell in CELLS]
    first, second = measured(TRAINING, jobs, CALL), measured(TRAINING, jobs, CALL)
    for job, metrics, again in zip(jobs, first, second, strict=True):
        assert metrics.scalars == again.scalars
        assert metrics.curves == again.curves
        assert {name for name in MEASURED if "pair_norm" not in name and name != "pairs_decayed"} == set(
            metrics.scalars
        )
        assert all(value == value for value in metrics.scalars.values())
        stages = len(job.cell.learning_path())
        assert len(metrics.curves["training_loss"]) == (2 if stages == 1 else 3 + 2)
        assert len(metrics.curves["double_pairs"]) == (3 if stages == 1 else 4 + 3)
    losses = {metrics.scalars["test_loss"] for metrics in first}
    assert len(losses) == len(CELLS) - 1  # "none" is training from scratch
    assert first[0].scalars == first[3].scalars
    sparse = first[2].scalars
    assert sparse["triple_pairs_start"] == sparse["triple_pairs_before"] > 0
    # both arms are pretrained alike
    assert first[4].curves["training_loss"][:3] == pytest.approx(first[5].curves["training_loss"][:3])


def test_a_reset_lies_between_the_counts_before_and_those_at_the_start():
    shrinking = replace(TINY, source_epochs=30, source_decay=1.0)
    frozen = Retrained(shrinking, "blur", source_rate=0.1, source_weight_decay=0.05)
    plain, reset = measured(TRAINING, [Job(TRAINING, cell, 0) for cell in (frozen, replace(frozen, reset=True))], CALL)
    counts = [plain.scalars[f"double_pairs{moment}"] for moment in ("_before", "_start")]
    assert counts[0] == counts[1] == reset.scalars["double_pairs_before"] > 0
    assert reset.scalars["double_pairs_start"] == 0
    assert reset.scalars["small_share_start"] < plain.scalars["small_share_start"]


def test_pairs_are_followed_from_their_start():
    cells = [
        Scratch(TINY_CNN, 0.05, 1e-3, start=PairStart(start)) for start in ("reference", "exact_zero", "near_zero")
    ]
    reference, zero, near = measured(TRAINING, [Job(TRAINING, cell, 0) for cell in cells], CALL)
    for metrics in (reference, zero, near):
        assert set(metrics.scalars) == set(MEASURED)
        assert len(metrics.curves["norm_at_1"]) == 3
    assert zero.scalars["pair_norm_start"] == 0.0
    # a weight that is in the row of one pair and in the column of another shrinks twice
    assert 0.5e-3 < near.scalars["pair_norm_start"] / reference.scalars["pair_norm_start"] <= 1.001e-3
    assert zero.scalars["double_pairs_start"] == 4


def test_settings_of_smoke_are_small():
    assert (RETRAINED.dataset, RETRAINED.source_decay) == (DIGITS_1000, 1.0)
    assert {cell.setting.dataset for each in EXPERIMENTS for cell in each.smoke.cells} == {DIGITS_1000}


@pytest.mark.parametrize(("share", "epochs"), [(1.0, [140, 160]), (0.1, [14, 16]), (0.004, [1, 1])])
def test_a_share_of_the_length_is_that_of_pretraining_and_of_training(share, epochs):
    cell = Retrained(RESNET, "blur", reset=True)
    short = shorten(cell, share).learning_path()
    assert [stage.process.epochs for stage in short] == epochs
    for stage, declared in zip(short, cell.learning_path(), strict=True):
        assert replace(stage, process=replace(stage.process, epochs=declared.process.epochs)) == declared
    assert [stage.process.epochs for stage in shorten(Scratch(RESNET, 0.1, 0.0), share).learning_path()] == epochs[1:]


def test_what_is_not_pretrained_has_no_length_of_pretraining():
    assert shorten(FIG3.smoke.cells[0], 0.1).setting.source_epochs == FIG3.smoke.cells[0].setting.source_epochs == 0


def test_all_of_the_length_is_the_declared_cell():
    assert all(shorten(cell, 1.0) == cell for each in EXPERIMENTS for tier in Tier for cell in each.grid(tier).cells)


def test_runs_for_a_small_share_of_their_length():
    setting = replace(TINY_CNN, source_epochs=10, epochs=20)
    cells = [Retrained(setting, "blur", reset=True), Scratch(setting, 0.05, 1e-3, start=PairStart("near_zero"))]
    jobs = [Job(TRAINING, cell, 0, scale=0.05).trained for cell in cells]
    for metrics, epochs in zip(measured(TRAINING, jobs, CALL), (1 + 1, 1), strict=True):
        assert len(metrics.curves["training_loss"]) == epochs
        assert TRAINING.problem(metrics) == ""
