"""Networks follow their learning paths, many as one program (Negative Pretraining Effect, Definition 3)."""

import copy
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice

import torch
from torch import Tensor, nn

from common.datasets.splits import train_validation_split
from common.experiment import Environment
from common.models.architecture import Architecture
from common.models.operations import NetworkCost, architecture_cost
from common.seeds import global_draws, stream
from common.train.checkpoint import Checkpoint, State, copy_into, set_states, states
from common.train.early_stopping import EarlyStopping
from common.train.optimizers import SGD, PerRunUpdate
from common.train.program import Program
from common.train.stacking import stackable
from common.train.stages import Epoch, shuffled_epochs, train_epochs
from papers.sequential_learning.data import facts_of
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
    dataset: str
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
    environment: Environment,
    measures: Measures = Measures(),
) -> Iterator[list[Passage]]:
    """Train all runs along their paths, in place; yield what each went through, in order.

    What several runs of a seed have in common, from the first task on, is trained once. Networks that stack train as
    one program where their paths have the same shape; what a run computes does not depend on its neighbours but for
    floating-point rounding. What the environment's checkpoint holds is not trained again.
    """
    counts = Counter(prefix for run in runs for prefix in prefixes(run))
    kept = Kept({prefix for prefix, count in counts.items() if count > 1})
    groups: dict[object, list[int]] = {}
    for i, run in enumerate(runs):
        alone = None if stackable(run.model, environment.device) else i
        groups.setdefault((alone, shape(run.path)), []).append(i)
    group_of = {i: members for members in groups.values() for i in members}
    found: dict[int, list[Passage]] = {}
    for i in range(len(runs)):
        if i not in found:
            own = [runs[j] for j in group_of[i]]
            part = environment.checkpoint.part(str(i))
            stages = [
                _stage(own, number, setting, environment, measures, kept, part.part(str(number)))
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
    environment: Environment,
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
    trained = _train(list(new.values()), number, setting, environment, measures, checkpoint) if new else []
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
    environment: Environment,
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
    data = image_set(stages[0].task.dataset, environment.data_dir, environment.device, setting.standardise)
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
        self.device = data.images.device
        self.runs, self.process, self.measures = runs, stages[0].process, measures
        self.program = Program([run.model for run in runs])
        self.shown = Shown(data, [stage.task for stage in stages], [stream(s, f"{from_the_end}") for s in seeds])
        splits = [split(data, stage.task, setting.validation, s) for stage, s in zip(stages, seeds, strict=True)]
        self.train = torch.stack([train for train, _ in splits]).to(self.device)
        self.validation = torch.stack([held_out for _, held_out in splits]).to(self.device)
        self.test = torch.arange(len(data.test_labels), device=self.device).expand(len(runs), -1)
        orders = [stream(s, f"order of stage {from_the_end}") for s in seeds]
        self.dropout = stream(seeds[0], f"dropout of stage {from_the_end}")  # networks with dropout train alone
        self.epochs = shuffled_epochs(self.train, self.process.epochs, setting.batch_size, orders)
        self.rates = self.program.beside_parameters([stage.process.rate for stage in stages])
        self.decays = self.program.beside_parameters([stage.process.decay for stage in stages])
        weight_decays = self.program.beside_parameters([stage.process.weight_decay for stage in stages])
        parameters = list(self.program.parameters.values())
        self.update = PerRunUpdate(SGD(self.process.momentum), parameters, weight_decays)
        self.stopping = self._early_stopping()
        self.losses: list[Tensor] = []
        self.validation_losses: list[Tensor] = []
        self.seen: list[Mapping[str, Tensor]] = []
        self.initial: Tensor | None = None
        self.at_ends: list[Mapping[str, Tensor]] = []
        self.started = time.perf_counter()

    def _early_stopping(self) -> EarlyStopping | None:
        if self.process.patience is None:
            return None
        if not self.validation.shape[1]:
            raise ValueError("early stopping needs images to validate on: the setting's share of them is 0")
        return EarlyStopping(self.program, self.process.patience, self.device)

    def passages(self, checkpoint: Checkpoint) -> list[Passage]:
        """Train, and measure every run with the weights that it hands on."""
        if (begun := checkpoint.begun()) is not None:
            self.load_state_dict(begun)
        else:
            self.initial, _ = self.program.evaluate(self.shown.fixed, self.train)
            self.at_ends.append(self.measures.at_ends(self.program, self.shown, self.runs))
            self._look()

        def after(losses: Tensor) -> bool:
            ends = self._after(losses)
            if not ends:
                checkpoint.save(self.state_dict)
            return ends

        with global_draws(self.dropout, self.device):
            shown = self.shown
            train_epochs(
                self.program, self._epochs_left(), shown.in_training, self.update, self.rates, after, shown.draws
            )
        if self.stopping is not None:
            self.stopping.restore()
        trained = self.program.evaluate(self.shown.fixed, self.train)
        tested = self.program.evaluate(self.shown.to_test, self.test)
        self.at_ends.append(self.measures.at_ends(self.program, self.shown, self.runs))
        assert self.initial is not None
        measured = torch.stack([self.initial, *trained, *tested]).cpu()
        seconds = (time.perf_counter() - self.started) / self.program.runs
        return self._passages(measured, _by_name(self.at_ends), seconds)

    def state_dict(self) -> State:
        """Return all that training goes on from."""
        return {
            "program": self.program.module.state_dict(),
            "update": self.update.state_dict(),
            "stopping": self.stopping.state_dict() if self.stopping else None,
            "rates": self.rates,
            "generators": states(self.shown.draws),
            "losses": self.losses,
            "validation_losses": self.validation_losses,
            "seen": self.seen,
            "initial": self.initial,
            "at_ends": self.at_ends,
            "seconds": time.perf_counter() - self.started,
        }

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        self.program.load(saved["program"])
        self.update.load_state_dict(saved["update"])
        if self.stopping:
            self.stopping.load_state_dict(saved["stopping"])
        copy_into(self.rates, saved["rates"])
        set_states(self.shown.draws, saved["generators"])
        for name in ("losses", "validation_losses", "seen", "initial", "at_ends"):
            setattr(self, name, _on(self.device, saved[name]))
        self.started -= saved["seconds"]

    def _epochs_left(self) -> Iterator[Epoch]:
        """Yield the batches of every epoch that is left; orders are drawn again and passed over.

        What dropout draws in an epoch follows from the seed and the epoch's number.
        """
        for number, epoch in islice(enumerate(self.epochs), len(self.losses), None):
            torch.manual_seed(stream(self.dropout, f"epoch {number}"))
            yield epoch

    def _after(self, losses: Tensor) -> bool:
        """Close an epoch; say whether no run trains any more."""
        torch._foreach_mul_(self.rates, self.decays)
        self.losses.append(losses)
        self._look()
        if self.stopping is None:
            return False
        validation, _ = self.program.evaluate(self.shown.fixed, self.validation)
        self.validation_losses.append(validation)
        return not bool(self.stopping.update(validation).any())

    def _look(self) -> None:
        self.seen.append(self.measures.every_epoch(self.program, self.shown, self.runs))

    def _passages(self, measured: Tensor, ends: Mapping[str, Tensor], seconds: float) -> list[Passage]:
        losses = torch.stack(self.losses).cpu()
        validation = torch.stack(self.validation_losses).cpu() if self.stopping else losses[:0]
        stop = self.stopping
        epochs = stop.epochs.tolist() if stop else [len(losses)] * self.program.runs
        best = stop.best_epoch.tolist() if stop else epochs
        seen = _by_name(self.seen)
        passages = []
        for run, (trained, best_epoch) in enumerate(zip(epochs, best, strict=True)):
            initial, final, accuracy, test_loss, test_accuracy = measured[:, run].tolist()
            passages.append(
                Passage(
                    loss=losses[:trained, run].tolist(),
                    validation_loss=validation[:trained, run].tolist(),
                    best_epoch=best_epoch,
                    initial_loss=initial,
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


def _on(device: torch.device, saved: State) -> State:
    """Move what was measured back to the device."""
    if isinstance(saved, Tensor):
        return saved.to(device)
    if isinstance(saved, dict):
        return {name: value.to(device) for name, value in saved.items()}
    return [_on(device, value) for value in saved]


def _by_name(moments: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Bring what was measured at several moments to the host, [moments, R, ...] by name."""
    return {name: torch.stack([moment[name] for moment in moments]).cpu() for name in moments[0]}


def cost_of(model: Architecture, dataset: str) -> NetworkCost:
    """Return what a network costs on the images of a data set, for the plan."""
    return architecture_cost(model, facts_of(dataset).shape)
