"""Networks follow their learning paths, many as one program (Negative Pretraining Effect, Definition 3)."""

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import torch
from torch import Tensor, nn

from common.datasets.dataset import DataSet
from common.datasets.splits import train_validation_split
from common.models.architecture import Architecture
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.best import Best
from common.train.checkpoint import Checkpoint, State, Tensors
from common.train.loop import Stateful, Training, train
from common.train.optimizers import SGD, PerRunUpdate
from common.train.program import Program
from common.train.stacking import stackable
from common.train.tape import Tape
from papers.sequential_learning.path import LearningPath, Stage, Task
from papers.sequential_learning.shown import ImageSet, Shown, image_set


@dataclass(frozen=True)
class Setting:
    """What the runs of a group share: the network, the target data set, and how they are trained.

    `validation` is the share of the training images that early stopping looks at, such as "1/10". `standardise` is
    False for networks that take images as they are. `precision` is that of products on a GPU.
    """

    name: str
    model: Architecture
    dataset: DataSet
    batch_size: int
    validation: str = "0"
    standardise: bool = True
    precision: str = "fp32"


@dataclass(eq=False)
class Follower:
    """One network and its learning path."""

    model: nn.Module
    path: LearningPath
    seed: int


Measure = Callable[[Program, Shown, Sequence[Follower]], Mapping[str, Tensor]]
"""Measures the R runs of a program at one moment: numbers [R] or [R, ...] by name, left on the device."""


def nothing(program: Program, shown: Shown, runs: Sequence[Follower]) -> Mapping[str, Tensor]:
    """Measure nothing."""
    return {}


@dataclass(frozen=True)
class Measures:
    """What is measured beside losses: before training and after every epoch, or at both ends of a stage."""

    every_epoch: Measure = nothing
    at_ends: Measure = nothing


@dataclass(frozen=True)
class Passage:
    """What one run went through in one stage.

    One number an epoch in `loss` (mean over the epoch's batches) and `validation_loss` (empty without patience).
    `best_epoch` counts from 1 and is the epoch whose weights were handed on. `initial_loss` and `final_loss` are those
    on the training images, as the task shows them, before the stage and with the weights handed on; `test_loss` and
    `test_accuracy` those on untransformed test images. `seen` holds what was observed before training and after every
    epoch, [1 + epochs, ...]; `ends` what was measured before training and with the weights handed on, [2, ...].
    """

    loss: list[float]
    validation_loss: list[float]
    best_epoch: int
    initial_loss: float
    final_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seen: dict[str, Tensor]
    ends: dict[str, Tensor]
    seconds: float


def follow(
    runs: Sequence[Follower],
    setting: Setting,
    call: Call,
    measures: Measures = Measures(),
) -> Iterator[list[Passage]]:
    """Train all runs along their paths, in place; yield what each went through, in order.

    What several runs of a seed have in common, from the first task on, is trained once. Networks that stack train as
    one program where their paths have the same shape; what a run computes does not depend on its neighbours but for
    floating-point rounding. What the call's checkpoint holds is not trained again.
    """
    counts = Counter(prefix for run in runs for prefix in prefixes(run))
    kept = Kept({prefix for prefix, count in counts.items() if count > 1})
    groups: dict[object, list[int]] = {}
    for i, run in enumerate(runs):
        alone = None if stackable(run.model, call.device) else i
        groups.setdefault((alone, shape(run.path)), []).append(i)
    group_of = {i: members for members in groups.values() for i in members}
    found: dict[int, list[Passage]] = {}
    for i in range(len(runs)):
        if i not in found:
            own = [runs[j] for j in group_of[i]]
            part = call.checkpoint.part(str(i))
            stages = [
                _stage(own, number, setting, call, measures, kept, part.part(str(number)))
                for number in range(len(own[0].path))
            ]
            found |= zip(group_of[i], map(list, zip(*stages, strict=True)), strict=True)
        yield found.pop(i)


def shape(path: LearningPath) -> object:
    """Return what the paths of one program have in common."""
    return tuple((s.task.dataset, s.task.share, s.process.epochs, s.process.patience, s.process.momentum) for s in path)


Prefix = tuple[LearningPath, int, int]
"""The stages up to some task, how many the path has, and the seed: what a network is then follows from these alone."""


def prefixes(run: Follower) -> list[Prefix]:
    """Return what a run is after each of its stages."""
    return [(run.path[: number + 1], len(run.path), run.seed) for number in range(len(run.path))]


@dataclass(frozen=True)
class Kept:
    """Networks after the prefixes that several runs share, as far as they are trained, with their last passage."""

    shared: Collection[Prefix]
    networks: dict[Prefix, tuple[nn.Module, Passage]] = field(default_factory=dict)


def _stage(
    runs: Sequence[Follower],
    number: int,
    setting: Setting,
    call: Call,
    measures: Measures,
    kept: Kept,
    checkpoint: Checkpoint,
) -> list[Passage]:
    """Take all runs through one stage: train one run of every prefix that is new, and copy what it becomes."""
    keys = [prefixes(run)[number] for run in runs]
    new: dict[Prefix, Follower] = {}
    for key, run in zip(keys, runs, strict=True):
        if key not in kept.networks:
            new.setdefault(key, run)
    trained = _train(list(new.values()), number, setting, call, measures, checkpoint) if new else []
    passages = dict(zip(new, trained, strict=True))
    for key, passage in passages.items():
        if key in kept.shared:
            kept.networks[key] = copy.deepcopy(new[key].model), replace(passage, seconds=0.0)
    checkpoint.finish(lambda: _result(passages, kept))
    for key, run in zip(keys, runs, strict=True):
        if new.get(key) is not run:
            run.model = copy.deepcopy(kept.networks[key][0])
    return [
        passages[key] if new.get(key) is run else kept.networks[key][1] for key, run in zip(keys, runs, strict=True)
    ]


def _result(passages: Mapping[Prefix, Passage], kept: Kept) -> State:
    """Return what came of a stage: its passages, and the networks that other runs go on from."""
    networks = [kept.networks[key][0].state_dict() if key in kept.shared else None for key in passages]
    return {"passages": [vars(passage) for passage in passages.values()], "networks": networks}


def _again(runs: Sequence[Follower], result: State) -> list[Passage]:
    """Return the passages of a stage that is finished; networks that no run goes on from stay as they are."""
    for run, network in zip(runs, result["networks"], strict=True):
        if network is not None:
            run.model.load_state_dict(network)
    return [Passage(**passage) for passage in result["passages"]]


def _train(
    runs: Sequence[Follower],
    number: int,
    setting: Setting,
    call: Call,
    measures: Measures,
    checkpoint: Checkpoint,
) -> list[Passage]:
    """Intervene in all networks, then train them on the task of one stage."""
    stages = [run.path[number] for run in runs]
    for run, stage in zip(runs, stages, strict=True):
        for position, intervene in enumerate(stage.before):
            intervene(run.model, intervention_draws(run.seed, number, position))
    if checkpoint.result is not None:
        return _again(runs, checkpoint.result)
    data = image_set(stages[0].task.dataset, call.data_dir, call.device, setting.standardise)
    seeds = [run.seed for run in runs]
    from_the_end = number - len(runs[0].path)  # so that arms share the order of the target task, however many go before
    return _Training(runs, stages, data, setting, seeds, from_the_end, measures).passages(checkpoint)


def intervention_draws(seed: int, stage: int, position: int) -> torch.Generator:
    """Return the random numbers of an intervention: the one at `position` before a stage, both counted from 0."""
    return torch.Generator().manual_seed(stream(seed, f"intervention {position} before stage {stage}"))


def split(data: ImageSet, task: Task, validation: str, seed: int) -> tuple[Tensor, Tensor]:
    """Return the training and the validation images of a run, int64, as many of the former as the task uses."""
    generator = torch.Generator().manual_seed(stream(seed, "split"))
    train, held_out = train_validation_split(len(data.labels), Fraction(validation), generator)
    return train[: max(1, round(task.share * len(train)))], held_out


class _Training:
    """Runs on the task of one stage."""

    def __init__(
        self,
        runs: Sequence[Follower],
        stages: Sequence[Stage],
        data: ImageSet,
        setting: Setting,
        seeds: Sequence[int],
        from_the_end: int,
        measures: Measures,
    ) -> None:
        device = data.images.device
        self.runs, self.process, self.measures = runs, stages[0].process, measures
        self.program = Program([run.model for run in runs])
        self.shown = Shown(data, [stage.task for stage in stages], [stream(s, f"{from_the_end}") for s in seeds])
        splits = [split(data, stage.task, setting.validation, s) for stage, s in zip(stages, seeds, strict=True)]
        self.train = torch.stack([train for train, _ in splits]).to(device)
        self.validation = torch.stack([held_out for _, held_out in splits]).to(device)
        self.test = torch.arange(len(data.test_labels), device=device).expand(len(runs), -1)
        orders = [stream(s, f"order of stage {from_the_end}") for s in seeds]
        self.dropout = stream(seeds[0], f"dropout of stage {from_the_end}")  # networks with dropout train alone
        self.epochs = shuffled_epochs(self.train, self.process.epochs, setting.batch_size, orders)
        self.rates = self.program.beside_parameters([stage.process.rate for stage in stages])
        self.decays = self.program.beside_parameters([stage.process.decay for stage in stages])
        weight_decays = self.program.beside_parameters([stage.process.weight_decay for stage in stages])
        parameters = list(self.program.parameters.values())
        self.update = PerRunUpdate(SGD(self.process.momentum), parameters, weight_decays)
        self.best = self._best()
        self.losses, self.seen, self.ends = Tape(device), Tape(device), Tape(device)

    def _best(self) -> Best | None:
        if self.process.patience is None:
            return None
        if not self.validation.shape[1]:
            raise ValueError("early stopping needs images to validate on: the setting's share of them is 0")
        return Best(self.program, self.process.patience)

    def passages(self, checkpoint: Checkpoint) -> list[Passage]:
        """Train, and measure every run with the weights that it hands on."""
        tapes = {"losses": self.losses, "seen": self.seen, "ends": self.ends}
        keeps: dict[str, Stateful] = {
            "rates": Tensors(self.rates),
            **tapes,
            **({"best": self.best} if self.best else {}),
        }
        training = Training(self.program, self.update, self._step, keeps, self.shown.draws, self.dropout)
        epochs = ([[batch] for batch in epoch] for epoch in self.epochs)
        seconds = train(training, epochs, self._look, checkpoint) / self.program.runs
        if self.best is not None:
            self.best.restore()
        trained = self.program.evaluate(self.shown.fixed, self.train)
        tested = self.program.evaluate(self.shown.to_test, self.test)
        self.ends.add(self.measures.at_ends(self.program, self.shown, self.runs))
        return self._passages(torch.stack([*trained, *tested]).cpu(), seconds)

    def _step(self, inputs: Sequence[Tensor]) -> Tensor:
        """Take one step on the images that an index [R, B] names; return each run's loss, [R]."""
        losses = self.program.losses(*self.shown.in_training(inputs[0]))
        self.update.apply(self.program.gradients(losses), self.rates)
        return losses.detach()

    def _look(self, epoch: int, loss: Tensor | None) -> bool:
        """Measure before training, and close every epoch; say whether no run trains any more."""
        if loss is None:
            initial, _ = self.program.evaluate(self.shown.fixed, self.train)
            self.losses.add({"initial": initial})
            self.ends.add(self.measures.at_ends(self.program, self.shown, self.runs))
        else:
            torch._foreach_mul_(self.rates, self.decays)
            self.losses.add({"training": loss})
        self.seen.add(self.measures.every_epoch(self.program, self.shown, self.runs))
        if loss is None or self.best is None:
            return False
        validation, _ = self.program.evaluate(self.shown.fixed, self.validation)
        self.losses.add({"validation": validation})
        self.best.see(-validation, epoch)
        return not bool(self.best.training.any())

    def _passages(self, measured: Tensor, seconds: float) -> list[Passage]:
        losses, seen, ends = self.losses.read(), self.seen.read(), self.ends.read()
        training = losses["training"]
        validation = losses.get("validation", training[:0])
        epochs = self.best.last.tolist() if self.best else [len(training)] * self.program.runs
        best = self.best.moment.clamp(min=0).tolist() if self.best else epochs
        passages = []
        for run, (trained, best_epoch) in enumerate(zip(epochs, best, strict=True)):
            final, accuracy, test_loss, test_accuracy = measured[:, run].tolist()
            passages.append(
                Passage(
                    loss=training[:trained, run].tolist(),
                    validation_loss=validation[:trained, run].tolist(),
                    best_epoch=best_epoch,
                    initial_loss=float(losses["initial"][0, run]),
                    final_loss=final,
                    train_accuracy=accuracy,
                    test_loss=test_loss,
                    test_accuracy=test_accuracy,
                    seen={name: values[: trained + 1, run] for name, values in seen.items()},
                    ends={name: values[:, run] for name, values in ends.items()},
                    seconds=seconds,
                )
            )
        return passages
