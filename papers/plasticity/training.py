"""Every arm of the paper: pretrain in stages, reset, tune, measure how well it generalises (Sections 1, 2 and A)."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.experiment import Job, Measured, Metrics
from common.models.architecture import build
from common.models.init import initialise
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.checkpoint import NOWHERE, Checkpoint
from common.train.program import Program
from common.train.programs import in_programs
from common.train.stages import Data, StageHistory, train_stage
from papers.plasticity.data import data_of
from papers.plasticity.reset import require_groups, reset
from papers.plasticity.settings import OPTIMIZERS, Cell, Setting
from papers.plasticity.smooth import smooth_epochs
from papers.plasticity.splits import stage_sets

SCHEME = "kaiming_uniform"


@dataclass(eq=False)
class Run:
    """One network, its cell, and the images of each of its stages."""

    cell: Cell
    seed: int
    model: nn.Module
    sets: list[Tensor]


def train(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Train one network a job through its stages; those whose stages are alike train as one program."""
    setting: Setting = jobs[0].cell.setting
    data = data_of(setting.dataset, call.data_dir, call.device)
    runs = {job: prepare(job.cell, job.seed, data) for job in jobs}

    def measured(members: Sequence[Job], checkpoint: Checkpoint) -> Iterator[Measured]:
        return zip(members, together([runs[job] for job in members], data, checkpoint), strict=True)

    yield from in_programs(jobs, call, runs[jobs[0]].model, measured, lambda job: _shape(runs[job]))


def prepare(cell: Cell, seed: int, data: Data) -> Run:
    """Draw the network and the sets of a run; arms of a replicate share both, as far as they have stages in common."""
    model = build(cell.setting.model)
    require_groups(model, cell.groups)
    initialise(model, SCHEME, stream(seed, "initialisation"))
    split = torch.Generator().manual_seed(stream(seed, "split"))
    classes = int(data.labels.max()) + 1
    smooth = cell.gamma is not None
    sets = stage_sets(data.labels, classes, 1 if smooth else cell.stages, cell.uniform, split)
    return Run(cell, seed, model.to(data.images.device), [own.to(data.images.device) for own in sets])


def _shape(run: Run) -> Hashable:
    """Return what runs of one program have in common: the lengths of their stages, and the optimizer."""
    cell = run.cell
    lengths = (cell.pretraining, cell.setting.epochs, cell.extra)
    return cell.optimizer, lengths, cell.gamma is None, tuple(len(own) for own in run.sets)


def together(runs: Sequence[Run], data: Data, checkpoint: Checkpoint = NOWHERE) -> Iterator[Metrics]:
    """Train runs of one shape through all stages and measure each."""
    cell = runs[0].cell
    program, optimizer = Program([run.model for run in runs]), OPTIMIZERS[cell.optimizer]
    sets = [torch.stack([run.sets[stage] for run in runs]) for stage in range(len(runs[0].sets))]
    rates = [run.cell.rate for run in runs]
    histories = []
    if cell.gamma is None:
        for stage, own in enumerate(sets[:-1]):
            epochs = _shuffled(runs, own, cell.pretraining, stage)
            pretraining_rates = [run.cell.pretraining_rate for run in runs]
            part = checkpoint.part(str(stage))
            histories.append(train_stage(program, epochs, own, optimizer, pretraining_rates, data, part))
        for run in runs:
            reset(run.model, run.cell.groups, stream(run.seed, "reset"))
        length = cell.setting.epochs + cell.extra
        last = _shuffled(runs, sets[-1], length, stage=-1)
    else:
        seeds = [stream(run.seed, "smooth") for run in runs]
        gammas = [run.cell.gamma or 0.0 for run in runs]
        length = cell.setting.epochs
        last = smooth_epochs(sets[0], sets[-1], gammas, length, cell.setting.batch_size, seeds)
    histories.append(train_stage(program, last, sets[-1], optimizer, rates, data, checkpoint.part("last")))
    seconds = sum(history.seconds for history in histories) / len(runs)
    for r, run in enumerate(runs):
        yield measure(run.cell, [_of_run(history, r) for history in histories], _updates(run), seconds)


def _shuffled(runs: Sequence[Run], own: Tensor, epochs: int, stage: int) -> Iterable[Iterable[Tensor]]:
    """Return the batches of a stage; the order of the last stage (-1) is the same for all arms of a replicate."""
    seeds = [stream(run.seed, f"order of stage {stage}") for run in runs]
    return shuffled_epochs(own, epochs, runs[0].cell.setting.batch_size, seeds)


def _updates(run: Run) -> int:
    """Count a run's updates over all stages."""
    cell, batch = run.cell, run.cell.setting.batch_size
    tuning = (cell.setting.epochs + cell.extra) * (len(run.sets[-1]) // batch)
    if cell.gamma is not None:
        return tuning
    return tuning + cell.pretraining * sum(len(own) // batch for own in run.sets[:-1])


@dataclass(frozen=True)
class Stage:
    """What one run went through in one stage: a number an epoch, and the training accuracy at its end."""

    loss: list[float]
    test: list[float]
    train: float


def _of_run(history: StageHistory, run: int) -> Stage:
    return Stage(history.loss[:, run].tolist(), history.test[:, run].tolist(), float(history.train[run]))


def measure(cell: Cell, stages: Sequence[Stage], updates: int, seconds: float) -> Metrics:
    """Measure a run: mean test accuracy over the last epochs of tuning, never the best one (Section A).

    What a run cannot say for lack of training accuracy is withheld.
    """
    setting, last = cell.setting, stages[-1]
    epochs, averaged = setting.epochs, setting.averaged
    tuning = last.test[:epochs]
    scalars = {
        "early_test_accuracy": _mean(tuning[: max(1, epochs // 10)]),
        "epochs_to_target": float(next((i for i, a in enumerate(tuning, 1) if a >= setting.target), epochs + 1)),
        "training_accuracy": last.train,
        "training_loss": last.loss[-1],
        "updates": float(updates),
    }
    gaps, withheld = {"test_accuracy": _mean(tuning[-averaged:])}, {}
    if cell.extra:
        gaps["equal_test_accuracy"] = _mean(last.test[-averaged:])
    else:
        withheld["equal_test_accuracy"] = "it was not trained on until its updates are those of a warm start"
    if len(stages) > 1:
        scalars["pretraining_accuracy"] = min(stage.train for stage in stages[:-1])
    else:
        withheld["pretraining_accuracy"] = "it was not pretrained"
    reason = too_little_learnt(cell, stages)
    curves = {
        "test_accuracy": last.test,
        "training_loss": last.loss,
        **({"pretraining_test_accuracy": [a for s in stages[:-1] for a in s.test]} if len(stages) > 1 else {}),
    }
    if reason:
        return Metrics(scalars, curves, seconds, withheld | dict.fromkeys(gaps, reason))
    return Metrics({**gaps, **scalars}, curves, seconds, withheld)


def too_little_learnt(cell: Cell, stages: Sequence[Stage]) -> str:
    """Return why a run shows no gap, or nothing: a stage of full length ended below the required training accuracy."""
    full_length = cell.pretraining >= cell.setting.pretraining
    for number, stage in enumerate(stages, start=1):
        must = full_length or number == len(stages)
        if must and not stage.train >= cell.setting.required:
            return (
                f"training accuracy ended at {100 * stage.train:.2f} % in stage {number} of {len(stages)}, below the "
                f"{100 * cell.setting.required:g} % that a gap needs"
            )
    return ""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
