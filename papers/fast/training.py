"""Every trained arm of the paper: adopt the source model, fine-tune it, and measure it (Sections 6.2 to 6.7)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from common.experiment import Job, Measured, Metrics
from common.run.call import Call
from common.seeds import stream
from common.train.checkpoint import Checkpoint
from common.train.evaluate import BATCH, accuracy, evaluation_mode
from common.train.programs import in_programs
from papers.fast.adoption import distance
from papers.fast.adp import checkpoints, last_validation
from papers.fast.anytime import History, Run, Schedule, adapt
from papers.fast.settings import OPTIMIZERS, Cell, Setting
from papers.fast.sources import Source, adopt, source_of
from papers.fast.tasks import Task, task

CHECKPOINTS = tuple(checkpoints(144))  # those that every run reaches
MOMENTS: tuple[int | str, ...] = (*CHECKPOINTS, "end")
EARLY = tuple(step for step in CHECKPOINTS if 1 <= step <= 21)
JUMP = 7  # steps after which a leap has shown itself
OF_THE_SWITCH = ("worst_drop", "switched_at", "jump", "jump_before")


def train(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Fine-tune one model a job from the source model of their setting."""
    setting: Setting = jobs[0].cell.setting
    source = source_of(setting, call)
    target = task(setting.target, call.data_dir, call.device)
    run = partial(_together, source=source, target=target)
    yield from in_programs(jobs, call, source.extractor, run, lambda job: (job.cell.optimizer, job.cell.warm_up))


def _together(jobs: Sequence[Job], checkpoint: Checkpoint, source: Source, target: Task) -> Iterator[Measured]:
    """Fine-tune jobs of one optimizer and one kind of warm-up as one program, and measure each."""
    if checkpoint.result is not None:
        yield from zip(jobs, (Metrics(**metrics) for metrics in checkpoint.result), strict=True)
        return
    cell: Cell = jobs[0].cell
    setting = cell.setting
    schedule = Schedule(setting.steps, setting.batch_size, OPTIMIZERS[cell.optimizer], setting.every_step, cell.warm_up)
    runs = [
        Run(
            adopt(source, target.num_classes, job.cell.start, stream(job.seed, "classifier")),
            job.cell.alpha,
            job.cell.beta,
            stream(job.seed, "order"),
        )
        for job in jobs
    ]
    before = {name: value.detach().clone() for name, value in source.extractor.named_parameters()}
    histories = adapt(runs, schedule, target, source.task, checkpoint)
    measured = [measure(run, own, schedule, target, before) for run, own in zip(runs, histories, strict=True)]
    checkpoint.finish(lambda: [vars(metrics) for metrics in measured])
    yield from zip(jobs, measured, strict=True)


def measure(run: Run, history: History, schedule: Schedule, target: Task, before: dict[str, Tensor]) -> Metrics:
    """Measure a model: its curves, its last state, then its best one; `before` is theta at adoption."""
    scalars = dict(_at_checkpoints(history, schedule))
    scalars["validation_adp"] = validation_adp(history.validation, schedule)
    scalars["validation_accuracy"] = max(history.validation)
    scalars["best_step"] = history.best_step
    scalars["last_distance"] = float(distance(before, run.model.extractor))
    scalars["last_top1_error"], _ = errors(run.model, target)
    run.model.load_state_dict(history.best_state)
    scalars["distance"] = float(distance(before, run.model.extractor))
    scalars["top1_error"], scalars["top5_error"] = errors(run.model, target)
    scalars |= of_the_switch(history) if schedule.every_step else {}
    curves = {
        "checkpoints": [float(step) for step in schedule.checkpoints],
        "target_adp": history.target,
        "source_adp": history.source,
        "norm": history.norm,
        "validations": [float(step) for step in schedule.validations],
        "validation_accuracy": history.validation,
    }
    drawn = {name: curve for name, curve in curves.items() if curve}
    return Metrics(scalars, drawn, history.seconds, not_measured(scalars, history, schedule))


def not_measured(scalars: Mapping[str, float], history: History, schedule: Schedule) -> dict[str, str]:
    """Return what a run cannot show, by name, with the reason."""
    switch = "there was no switch, or training ended with it"
    if not schedule.every_step:
        switch = "validation was not made after every step"
    reasons = dict.fromkeys(OF_THE_SWITCH, switch)
    for moment in MOMENTS:
        reasons |= dict.fromkeys((f"target_adp_{moment}", f"norm_{moment}"), "training ended before it")
        absent = "training ended before it" if history.source else "its source task is not at hand"
        reasons[f"source_adp_{moment}"] = absent
    return {name: reason for name, reason in reasons.items() if name not in scalars}


def _at_checkpoints(history: History, schedule: Schedule) -> Iterator[tuple[str, float]]:
    """Yield the curves' values at single checkpoints, and the mean of the target's over the early ones, by name."""
    for name, curve in (("target_adp", history.target), ("source_adp", history.source), ("norm", history.norm)):
        for step, value in zip(schedule.checkpoints, curve, strict=bool(curve)):
            if step in CHECKPOINTS:
                yield f"{name}_{step}", value
        if curve:
            yield f"{name}_end", curve[-1]
    early = [value for step, value in zip(schedule.checkpoints, history.target, strict=True) if step in EARLY]
    if early:
        yield "target_adp_early", sum(early) / len(early)


def validation_adp(validation: Sequence[float], schedule: Schedule) -> float:
    """Return the best validation accuracy so far, averaged over the checkpoints: what the search of rates maximises."""
    best = [max(validation[: i + 1]) for i in range(len(validation))]
    validated = schedule.validations
    deployed = [best[validated.index(last_validation(step, validated))] for step in schedule.checkpoints]
    return sum(deployed) / len(deployed)


def of_the_switch(history: History) -> dict[str, float]:
    """Return how validation, made after every step, falls: anywhere, and after the switch of a warm-up (Figure 7).

    The same is measured over the steps that end with the switch: the lowest of seven noisy numbers lies below one of
    them even where nothing leaps. What the run is too short to show is left out.
    """
    changes = [change(history.validation, step) for step in range(len(history.validation) - JUMP)]
    found = {"worst_drop": min(changes)} if changes else {}
    if history.switched_at is not None:
        found["switched_at"] = float(history.switched_at)
        if history.switched_at < len(changes):
            found["jump"] = changes[history.switched_at]
        if history.switched_at >= JUMP:
            found["jump_before"] = changes[history.switched_at - JUMP]
    return found


def change(validation: Sequence[float], step: int) -> float:
    """Return the lowest validation accuracy within the next JUMP steps, less the present one."""
    return min(validation[step + 1 : step + 1 + JUMP]) - validation[step]


@torch.no_grad()
def errors(model: nn.Module, target: Task) -> tuple[float, float]:
    """Return top-1 and top-5 error on the test images, as fractions; NaN where logits are not finite."""
    top1, top5, finite = 0, 0, True
    with evaluation_mode(model):
        parts = (torch.split(of, BATCH) for of in (target.test_images, target.test_labels))
        for images, labels in zip(*parts, strict=True):
            logits = model(images)
            best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
            top1 += int(best[:, :1].sum())
            top5 += int(best.sum())
            finite &= bool(logits.isfinite().all())
    if not finite:
        return float("nan"), float("nan")
    return 1.0 - top1 / len(target.test_labels), 1.0 - top5 / len(target.test_labels)


def measure_source(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Test the source model of each setting, which all seeds share (Section 6.2.1)."""
    for job in jobs:
        source = source_of(job.cell.setting, call)
        assert source.history is not None
        assert source.head is not None
        assert source.task is not None
        whole = nn.Sequential(source.extractor, source.head)
        yield (
            job,
            Metrics(
                {
                    "test_accuracy": accuracy(whole, source.task.test_images, source.task.test_labels),
                    "validation_accuracy": max(source.history.validation),
                    "best_step": source.history.best_step,
                },
                {"target_adp": source.history.target, "validation_accuracy": source.history.validation},
            ),
        )
