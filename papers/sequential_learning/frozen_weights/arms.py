"""Every arm of the paper: networks from scratch, and retrained ones with and without a reset (Section 5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from common.datasets.dataset import DataSet
from common.datasets.transforms import blurred
from common.experiment import Job, Measured, Metrics
from common.models.architecture import build
from common.models.init import initialise
from common.models.pretrained import ImageNetInput, backbone
from common.run.call import Call
from common.seeds import stream
from common.train.evaluate import evaluation_mode
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count, small_share
from papers.sequential_learning.frozen_weights.fisher import fisher_score, sensitivity
from papers.sequential_learning.frozen_weights.interfaces import interfaces, weight_layers
from papers.sequential_learning.frozen_weights.interventions import FrozenReset, NewClassifier, PairStart, SparseStart
from papers.sequential_learning.frozen_weights.pairs import norms, track
from papers.sequential_learning.frozen_weights.settings import RATE, WEIGHT_DECAY, FrozenSetting
from papers.sequential_learning.nuisances import LOWEST_BLUR
from papers.sequential_learning.path import LearningPath, Process, Stage, Task
from papers.sequential_learning.shown import Shown
from papers.sequential_learning.training import Follower, Measures, Passage, follow, intervention_draws

SCHEME = "framework_uniform"
SHIFT = 0.5  # of the augmentation and of Table 3's second task
IMAGENET_SIDE = 224
STEP = 1e-2  # of the central difference behind the input sensitivity
SENSITIVITY_IMAGES = 500
PLASTICITY_IMAGES = 500
COUNTED = (
    *(f"{kind}_{unit}" for kind in ("double", "triple") for unit in ("pairs", "weights", "tuples")),
    "shared_pairs",
)
OF_IMAGES = ("sensitivity", "fisher")
OF_PAIRS = ("pair_norm_start", "pair_norm", "pair_norm_peak", "pairs_decayed")


@dataclass(frozen=True)
class Scratch:
    """A network that learns the target from its first weights, which `start` may change before.

    With `augmented`, images are mirrored and shifted by up to half of their side.
    """

    setting: FrozenSetting
    rate: float
    weight_decay: float
    augmented: bool = False
    start: SparseStart | PairStart | None = None

    def learning_path(self) -> LearningPath:
        """Return the one stage."""
        task = Task(self.setting.dataset, shift=SHIFT if self.augmented else 0.0, flip=self.augmented)
        process = Process(self.rate, self.setting.epochs, self.weight_decay, self.setting.decay)
        return (Stage(task, process, () if self.start is None else (self.start,)),)


@dataclass(frozen=True)
class Retrained:
    """A network that is pretrained on a source and then learns the target, with or without a reset in between.

    `source` is "blur" (the target's images, blurred), "tenth" (a tenth of them), "regular" (as they are), another data
    set, "imagenet" (published weights), or "none" for a network from scratch. `shifted` shows the target's
    training images shifted at random. `samples` is the share of them that is used.
    """

    setting: FrozenSetting
    source: str | DataSet
    reset: bool = False
    source_rate: float = RATE
    rate: float = RATE
    source_weight_decay: float = WEIGHT_DECAY
    weight_decay: float = WEIGHT_DECAY
    shifted: bool = False
    samples: float = 1.0

    def learning_path(self) -> LearningPath:
        """Return pretraining, unless there is none, and the stage on the target."""
        setting = self.setting
        target = Task(setting.dataset, shift=SHIFT if self.shifted else 0.0, share=self.samples)
        process = Process(self.rate, setting.epochs, self.weight_decay, setting.decay)
        reset = (FrozenReset(),) if self.reset else ()
        if self.source in ("none", "imagenet"):
            return (Stage(target, process, reset),)
        first = Process(self.source_rate, setting.source_epochs, self.source_weight_decay, setting.source_decay)
        if isinstance(self.source, DataSet):
            before, between = NewClassifier(self.source.classes), NewClassifier(setting.dataset.classes)
            return Stage(Task(self.source), first, (before,)), Stage(target, process, (between, *reset))
        own = {
            "blur": Task(setting.dataset, blur=LOWEST_BLUR),
            "tenth": Task(setting.dataset, share=0.1),
            "regular": Task(setting.dataset),
        }
        return Stage(own[self.source], first), Stage(target, process, reset)


def train(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Train one network a job along its path, arms of a replicate from the same weights."""
    setting: FrozenSetting = jobs[0].cell.setting
    runs = []
    for job in jobs:
        model = network(setting, job.seed, call.weights)
        runs.append(Follower(model.to(call.device), job.cell.learning_path(), job.seed))
    followed = follow(runs, setting, call, Measures(at_every_epoch, at_both_ends))
    for job, run, passages in zip(jobs, runs, followed, strict=True):
        yield job, measure(passages, has_pairs(run))


def network(setting: FrozenSetting, seed: int, weights: Path) -> nn.Module:
    """Return the network that a run begins with; UsageError where published ones are not in the folder `weights`."""
    if not setting.imagenet:
        model = build(setting.model)
        initialise(model, SCHEME, stream(seed, "initialisation"))
        return model
    extractor, last = backbone(setting.imagenet, weights)
    model = nn.Sequential(ImageNetInput(IMAGENET_SIDE), extractor, last)
    NewClassifier(setting.dataset.classes)(model, torch.Generator().manual_seed(stream(seed, "classifier")))
    return model


def at_every_epoch(program: Program, shown: Shown, runs: Sequence[Follower]) -> Mapping[str, Tensor]:
    """Count mutually frozen weights, in all and at each interface, and take the norms of the pairs of Figure 4.

    Interfaces that residual connections share count for nothing but `shared_pairs`.
    """
    found, parameters = interfaces(runs[0].model), program.parameters_of_runs()
    counts, pairs = count(parameters, found), []
    for exclusive in (True, False):
        chosen = [i for i, each in enumerate(found) if each.exclusive == exclusive]
        pairs.append(counts.double.pairs[:, chosen])
    seen = {**counts.totals(), "double_pairs_at": pairs[0], "shared_pairs": pairs[1].sum(1)}
    if any(has_pairs(run) for run in runs):
        tracked = [track(run.model, intervention_draws(run.seed, 0, 0)) for run in runs]
        seen["pair_norms"] = norms(parameters, tracked, found)
    return seen


def has_pairs(run: Follower) -> bool:
    """Tell whether pairs of a run are followed (Figure 4)."""
    return any(isinstance(intervene, PairStart) for intervene in run.path[0].before)


def at_both_ends(program: Program, shown: Shown, runs: Sequence[Follower]) -> Mapping[str, Tensor]:
    """Measure shares of small weights, the Fisher score, input sensitivity and plasticity by layers.

    Invariance is measured on untransformed test images; sensitivity towards their blur (Definition 4).
    """
    layers, parameters, data = weight_layers(runs[0].model), program.parameters_of_runs(), shown.data
    measured = {
        "small_share": small_share(parameters, layers),
        "below_hundredth": small_share(parameters, layers, 1e-2),
        **dict(zip(("early_plasticity", "late_plasticity"), plasticity(program, shown, layers), strict=True)),
    }
    if data.mean is None:
        return measured
    test = torch.arange(len(data.test_labels), device=data.images.device).expand(program.runs, -1)
    features = program.inputs_of(layers[-1], shown.to_test, test)
    few = shown.to_test(test[:, :SENSITIVITY_IMAGES])[0]
    with evaluation_mode(program.module):
        measured["sensitivity"] = sensitivity(program.logits, few, blurred(few, LOWEST_BLUR), STEP)
    measured["fisher"] = fisher_score(features, data.test_labels, data.num_classes)
    return measured


def plasticity(program: Program, shown: Shown, layers: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the size of the gradient over that of the weights, the mean of the earlier and of the later layers, [R].

    Plasticity is the gradient itself (Definition 2); it is taken in evaluation mode, on the first training images, in
    all layers but the output layer, which may be new.
    """
    hidden = layers[:-1]
    index = torch.arange(min(PLASTICITY_IMAGES, len(shown.data.labels)), device=shown.data.images.device)
    with evaluation_mode(program.module):
        gradients = program.gradients(program.losses(*shown.fixed(index.expand(program.runs, -1))))
    by_name = dict(zip(program.parameters, gradients, strict=True))
    relative = []
    for name in hidden:
        weight, gradient = program.parameters[f"{name}.weight"].detach(), by_name[f"{name}.weight"]
        relative.append(_norms(program, gradient) / _norms(program, weight))
    ratios, half = torch.stack(relative), len(hidden) // 2
    return ratios[:half].mean(0), ratios[-half:].mean(0)


def _norms(program: Program, tensor: Tensor) -> Tensor:
    """Return every run's own norm of a tensor shaped like a parameter, [R]."""
    own = tensor if program.stacked else tensor.unsqueeze(0)
    return own.flatten(1).square().sum(1).sqrt()


def measure(passages: Sequence[Passage], pairs: bool) -> Metrics:
    """Measure a run: test loss and accuracy, frozen weights before, between and after, and what surrounds them.

    `_before` is what pretraining left, before any reset and, without pretraining, what training began with; `_start` is
    what training on the target began with. `pairs` tells whether there are followed ones.
    """
    last, first = passages[-1], passages[0]
    scalars = {
        "test_loss": last.test_loss,
        "test_accuracy": last.test_accuracy,
        "training_loss": last.final_loss,
        "training_accuracy": last.train_accuracy,
    }
    before = {name: values[-1] for name, values in first.seen.items()} if len(passages) > 1 else None
    for name in COUNTED:
        scalars[name] = float(last.seen[name][-1])
        scalars[f"{name}_start"] = float(last.seen[name][0])
        scalars[f"{name}_before"] = float(last.seen[name][0] if before is None else before[name])
    for name, (start, end) in last.ends.items():
        scalars[f"{name}_start"], scalars[name] = float(start), float(end)
    scalars |= growth(last.seen["double_pairs_at"])
    if pairs:
        scalars |= of_pairs(last.seen["pair_norms"])
    withheld = {} if pairs else dict.fromkeys(OF_PAIRS, "no pairs of it are followed")
    if "fisher" not in last.ends:
        names = [f"{name}{moment}" for name in OF_IMAGES for moment in ("", "_start")]
        withheld |= dict.fromkeys(names, "it takes images as they are")
    return Metrics(scalars, curves_of(passages, pairs), sum(passage.seconds for passage in passages), withheld)


def growth(pairs: Tensor) -> dict[str, float]:
    """Say when and where frozen pairs came, from their numbers [1 + epochs, interfaces] (Figure 3).

    `onset` is the share of training after which there was one, 1 where there never was; early and late are the first
    and the second half of the interfaces.
    """
    totals, epochs, half = pairs.sum(1), len(pairs) - 1, pairs.shape[1] // 2
    first = next((epoch for epoch, count in enumerate(totals.tolist()) if count), epochs)
    return {
        "double_pairs_quarter": float(totals[epochs // 4]),
        "double_pairs_half": float(totals[epochs // 2]),
        "onset": first / epochs,
        "early_pairs": float(pairs[-1, :half].sum()),
        "late_pairs": float(pairs[-1, -half:].sum()),
    }


def of_pairs(norms_of_pairs: Tensor) -> dict[str, float]:
    """Sum up the norms of followed pairs, [1 + epochs, pairs] (Figure 4): their mean at both ends, and the greatest."""
    return {
        "pair_norm_start": float(norms_of_pairs[0].mean()),
        "pair_norm": float(norms_of_pairs[-1].mean()),
        "pair_norm_peak": float(norms_of_pairs.max()),
        "pairs_decayed": float((norms_of_pairs[-1] < norms_of_pairs[0]).double().mean()),
    }


def curves_of(passages: Sequence[Passage], pairs: bool) -> dict[str, list[float]]:
    """Return one number an epoch over all stages: losses, counts, and counts and norms by interface."""
    curves = {"training_loss": [loss for passage in passages for loss in passage.loss]}
    for name in ("double_pairs", "triple_pairs"):
        curves[name] = [float(value) for passage in passages for value in passage.seen[name]]
    last = passages[-1].seen
    for name, short in (("double_pairs_at", "pairs_at"), *((("pair_norms", "norm_at"),) if pairs else ())):
        for number, values in enumerate(last[name].unbind(1), start=1):
            curves[f"{short}_{number}"] = values.double().tolist()
    return curves
