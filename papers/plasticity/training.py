"""Every arm of the paper: pretrain in stages, reset, tune, measure how well it generalises (Sections 1, 2 and A)."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
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
from common.train.stages import Data, StageHistory, Watch, train_stage
from papers.plasticity.data import data_of
from papers.plasticity.measures import Stage, measure
from papers.plasticity.noise import EARLY, gradient_noise
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
            part, watch = checkpoint.part(str(stage)), _watch(program, runs, own, data, cell.pretraining)
            histories.append(train_stage(program, epochs, optimizer, pretraining_rates, data, part, watch))
        for run in runs:
            reset(run.model, run.cell.groups, stream(run.seed, "reset"))
        length = cell.setting.epochs + cell.extra
        last = _shuffled(runs, sets[-1], length, stage=-1)
    else:
        seeds = [stream(run.seed, "smooth") for run in runs]
        gammas = [run.cell.gamma or 0.0 for run in runs]
        length = cell.setting.epochs
        last = smooth_epochs(sets[0], sets[-1], gammas, length, cell.setting.batch_size, seeds)
    watch = _watch(program, runs, sets[-1], data, cell.setting.epochs, EARLY)
    histories.append(train_stage(program, last, optimizer, rates, data, checkpoint.part("last"), watch))
    seconds = sum(history.seconds for history in histories) / len(runs)
    for r, run in enumerate(runs):
        yield measure(run.cell, [_of_run(history, r) for history in histories], _updates(run), seconds)


def _shuffled(runs: Sequence[Run], own: Tensor, epochs: int, stage: int) -> Iterable[Iterable[Tensor]]:
    """Return the batches of a stage; the order of the last stage (-1) is the same for all arms of a replicate."""
    seeds = [stream(run.seed, f"order of stage {stage}") for run in runs]
    return shuffled_epochs(own, epochs, runs[0].cell.setting.batch_size, seeds)


def _watch(program: Program, runs: Sequence[Run], own: Tensor, data: Data, epochs: int, early: int = 0) -> Watch:
    """Watch a stage of so many epochs on the images that own [R, n] names.

    Training accuracy is measured after the epochs that are averaged, and all that come after them; the noise of
    gradients before each of the `early` epochs, by one pass through the stage's images in batches of its own.
    """
    setting = runs[0].cell.setting
    seeds = [stream(run.seed, "gradient noise") for run in runs]

    def watch(epoch: int) -> Mapping[str, Tensor]:
        found = {}
        if epoch > max(0, epochs - setting.averaged):
            found["train"] = program.correct(data.images, data.labels, own) / own.shape[1]
        if epoch < min(early, epochs):
            (batches,) = shuffled_epochs(own, 1, setting.batch_size, seeds)
            found["noise"] = gradient_noise(program, batches, data)
        return found

    return watch


def _updates(run: Run) -> int:
    """Count a run's updates over all stages."""
    cell, batch = run.cell, run.cell.setting.batch_size
    tuning = (cell.setting.epochs + cell.extra) * (len(run.sets[-1]) // batch)
    if cell.gamma is not None:
        return tuning
    return tuning + cell.pretraining * sum(len(own) // batch for own in run.sets[:-1])


def _of_run(history: StageHistory, run: int) -> Stage:
    further = {name: values[:, run].tolist() for name, values in history.further.items()}
    return Stage(history.loss[:, run].tolist(), history.test[:, run].tolist(), **further)
