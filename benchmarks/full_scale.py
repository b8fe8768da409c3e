"""Time the suite's engine against plain loops, on networks and batches of the papers' own size.

On a machine with a GPU, from the repository's folder (about ten minutes on a large one, nothing to download):

    nox -s bench-full -- --device cuda

`--quick` is small enough for a CPU, in about a minute, and its file is named so: it shows that the script works, and
little about speed. `--only` picks cases: the 28x28 LeNet-5-Caffe grid of FreezeNet's Table 2 with all its arms and
seeds (masks included), VGG16-D and ResNet-18 (width 64, stride 1 first) on 32x32 colour images with flips and shifts.
Images are generated, and large networks see them in ten epochs: the engine's capture of a step counts in full, but is
not all there is. Three contenders train the same networks for the same steps of the same batches' size:

- engine: as the suite runs, in as many processes as it would use, with its own settings of precision;
- dataloader: one network after another, a DataLoader over images in the host's memory, augmented one at a time,
  strictly float32;
- resident: one network after another, eager, standardised images on the device, augmented by the batch, torch's
  default precision.

Each has its own processes. Every round trains all three in turn, so that a slow moment of the machine hits them all;
the first round warms up, and the median of the others counts. Nothing is asserted about time. The JSON in
`benchmarks/results/` holds, for each: seconds, images a second, how many times slower than the engine, the share of
the matrix-multiply ceilings measured in the same run (float32 on a CPU; TF32 and bfloat16 on CUDA), counting only the
operations of convolutions and linear layers (on some CPUs convolutions are faster than matrix products, and the share
goes beyond 100 %), and peak memory: what torch allocated on a GPU, on a CPU the resident
memory of all the contender's processes.
"""

import json
import multiprocessing
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tabulate import tabulate
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from common.command import Parser, exit_code, to_path
from common.datasets.cifar import CIFAR10
from common.datasets.procedural import procedural
from common.errors import UsageError
from common.machine import device_name, device_of, require, set_up, workers_on
from common.models.architecture import architecture
from common.models.grouped import grouped_resnet
from common.plan.measure import seconds_of
from common.plan.network_cost import architecture_cost
from common.provenance import provenance
from common.run.group import FEW, MANY
from common.train.fit import Recipe, TrainingRun, fit
from common.train.precision import multiplying
from papers.freezenet.settings import CIFAR_RECIPE, VGG_CIFAR10, Cell, Setting
from papers.freezenet.table2 import TABLE2
from papers.freezenet.training import Images, prepare

RESULTS = Path(__file__).parent / "results"
CLASSES = 10
RESNET = Setting(
    "cifar10/resnet18", CIFAR10, architecture(grouped_resnet, width=64, depth=2), CIFAR_RECIPE, precision="tf32"
)


@dataclass(frozen=True)
class Case:
    """Networks to train for `epochs` of `steps` steps: cells with their seeds, on images [channels, side, side]."""

    name: str
    runs: tuple[tuple[Cell, int], ...]
    channels: int
    side: int
    batch_size: int
    steps: int
    epochs: int = 1

    @property
    def images(self) -> int:
        """How many images all networks are shown in a round."""
        return len(self.runs) * self.epochs * self.steps * self.batch_size

    @property
    def operations(self) -> float:
        """How many floating-point operations a round takes."""
        size = (self.channels, self.side, self.side)
        costs = [architecture_cost(cell.setting.model, size) for cell, _ in self.runs]
        each = [cost.training(self.steps * self.batch_size, self.batch_size, self.epochs) for cost in costs]
        return sum(work.operations for work in each)


def cases(quick: bool) -> list[Case]:
    """Return the cases at full size, or small enough for a CPU."""

    def runs(setting: Setting, seeds: int) -> tuple[tuple[Cell, int], ...]:
        return tuple((Cell(setting, "baseline", 0.0), seed) for seed in range(seeds))

    seeds = 1 if quick else TABLE2.full.seeds
    grid = tuple((cell, seed) for cell in TABLE2.full.cells for seed in range(seeds))
    large = [("vgg16-d", VGG_CIFAR10), ("resnet-18", RESNET)]
    return [
        Case("lenet-5-caffe grid", grid, 1, 28, 100, 3 if quick else 540),
        *(
            Case(name, runs(setting, 2), 3, 32, 16, 1) if quick else Case(name, runs(setting, 1), 3, 32, 128, 150, 10)
            for name, setting in large
        ),
    ]


@dataclass
class Share:
    """What one process trains."""

    case: Case
    data: Images
    runs: list[TrainingRun]
    loaders: int


Contender = Callable[[Share], str]
"""Trains all runs of a share for the steps of its case; returns how, in a few words."""


def engine(share: Share) -> str:
    """Train as the suite does, in groups."""
    recipe, ways, data = _recipe(share), set(), share.data
    most = FEW if data.images.device.type == "cpu" else MANY
    with multiplying(share.case.runs[0][0].setting.precision, data.images.device):
        for start in range(0, len(share.runs), most):
            histories = fit(share.runs[start : start + most], recipe, data.images, data.labels)
            ways |= {history.strategy for history in histories}
    return ", ".join(sorted(ways))


def dataloader(share: Share) -> str:
    """Train as most papers' code does: a DataLoader over the host's images, one network after another, float32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device, labels = share.data.images.device, share.data.labels.cpu()
    images = HostImages(share.data.images[:].cpu(), labels, augmented=bool(_recipe(share).augment))
    for run in share.runs:
        dataset = torch.utils.data.Subset(images, run.train.tolist())
        loader = DataLoader(
            dataset, share.case.batch_size, shuffle=True, num_workers=share.loaders, pin_memory=device.type == "cuda"
        )
        epochs = range(share.case.epochs)
        _train(run, share, ((x.to(device), y.to(device)) for _ in epochs for x, y in loader))
    return f"{share.loaders} loading processes"


def resident(share: Share) -> str:
    """Train eagerly from images on the device, one network after another."""
    for run in share.runs:
        _train(run, share, _resident_batches(run, share))
    return "eager"


CONTENDERS: Mapping[str, Contender] = {"engine": engine, "dataloader": dataloader, "resident": resident}


class HostImages(Dataset[tuple[Tensor, int]]):
    """Images on the host, each augmented on its own where that is asked for: a flip and a shift of up to 4 pixels."""

    def __init__(self, images: Tensor, labels: Tensor, augmented: bool) -> None:
        self.images, self.labels = images, labels
        steps = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(images.shape[-1], padding=4)]
        self.transform = transforms.Compose(steps if augmented else [])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(self.images[i]), int(self.labels[i])


def _resident_batches(run: TrainingRun, share: Share) -> Iterator[tuple[Tensor, Tensor]]:
    images, labels = share.data.images, share.data.labels
    draws = torch.Generator(images.device).manual_seed(run.seed)
    own = run.train.to(images.device)
    for _ in range(share.case.epochs):
        order = own[torch.randperm(len(own), generator=draws, device=images.device)]
        for batch in torch.split(order, share.case.batch_size):
            shown = images[batch]
            for transform in _recipe(share).augment:
                shown = transform(shown, draws)
            yield shown, labels[batch]


def _train(run: TrainingRun, share: Share, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
    """Make a plain loop's steps; frozen weights are kept by a mask on gradient and weight decay."""
    rule = _recipe(share).optimizer
    decay = 0.0 if run.mask else rule.weight_decay
    parameters = dict(run.model.named_parameters())
    masks = {name: mask.to(share.data.images.device) for name, mask in run.mask.items()}
    optimizer = torch.optim.SGD(parameters.values(), run.learning_rate, rule.momentum, weight_decay=decay)
    run.model.train()
    for images, labels in batches:
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(run.model(images), labels))
        for name, parameter in parameters.items() if masks else ():
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach(), alpha=rule.weight_decay)
                if name in masks:
                    parameter.grad.mul_(masks[name])
        optimizer.step()


def _recipe(share: Share) -> Recipe:
    setting: Setting = share.case.runs[0][0].setting
    return replace(setting.recipe, batch_size=share.case.batch_size, epochs=share.case.epochs)


def share_of(case: Case, part: int, parts: int, device: torch.device, loaders: int) -> Share:
    """Prepare every `parts`-th network of a case, from the one at `part` on: images, first weights, masks."""
    data = images_for(case, device)
    runs = [prepare(cell, seed, data).run for cell, seed in case.runs[part::parts]]
    shown = case.steps * case.batch_size
    runs = [replace(run, train=run.train[:shown], validation=run.validation[:1]) for run in runs]
    return Share(case, data, runs, loaders)


def images_for(case: Case, device: torch.device) -> Images:
    """Generate enough images for an epoch's steps of one network; a tenth more, which FreezeNet holds out."""
    per_class = -(-case.steps * case.batch_size * 10 // 9 // CLASSES) + 1
    made = procedural(CLASSES, per_class, 1, size=case.side)
    shown, unseen = (images[:, : case.channels].contiguous() for images in (made.train_images, made.test_images))
    train, test = replace(made, train_images=shown, test_images=unseen).resident(device)
    return Images(train, made.train_labels.to(device), test, made.test_labels.to(device), CLASSES)


_HELD: dict[str, Share] = {}


def start(contender: str, threads: int) -> None:
    """Set up a contender's process."""
    if contender == "engine":
        set_up()
    else:
        torch.set_num_threads(threads)


def hold(contender: str, case: Case, part: int, parts: int, device: torch.device, loaders: int) -> None:
    """Prepare a share and keep it in this process; the engine standardises where it looks, loops train on floats."""
    require(device)
    share = share_of(case, part, parts, device, loaders)
    if contender != "engine":
        share.data = replace(share.data, images=share.data.images[:])
    _HELD[case.name] = share
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def train_held(contender: str, name: str) -> tuple[str, int]:
    """Train what this process holds; return how, and its peak memory in bytes."""
    share = _HELD[name]
    how = CONTENDERS[contender](share)
    device = share.data.images.device
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return how, torch.cuda.max_memory_allocated(device)
    return how, _resident_peak()


def _resident_peak() -> int:
    """Return the largest memory that this process had, in bytes; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) * 1024 if found else 0


@dataclass
class Team:
    """A contender's processes, each with its own share of a case."""

    contender: str
    case: Case
    processes: list[ProcessPoolExecutor]
    seconds: list[float]
    how: str = ""
    memory: int = 0

    @staticmethod
    def of(contender: str, case: Case, device: torch.device, loaders: int) -> "Team":
        """Start the processes and let them prepare."""
        cores = workers_on(torch.device("cpu"))
        parts = min(workers_on(device), len(case.runs)) if contender == "engine" else 1
        context = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
        if sys.platform != "win32":
            context.set_forkserver_preload([fit.__module__, prepare.__module__])
        processes = [ProcessPoolExecutor(1, context, start, (contender, cores)) for _ in range(parts)]
        for task in [p.submit(hold, contender, case, part, parts, device, loaders) for part, p in enumerate(processes)]:
            task.result()
        return Team(contender, case, processes, [])

    def train(self) -> None:
        """Train all networks once and note the time."""
        started = time.perf_counter()
        found = [
            task.result() for task in [p.submit(train_held, self.contender, self.case.name) for p in self.processes]
        ]
        self.seconds.append(time.perf_counter() - started)
        self.how = found[0][0]
        self.memory = sum(memory for _, memory in found)

    def end(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.shutdown()


def contest(
    case: Case, device: torch.device, rounds: int, loaders: int, ceilings: Mapping[str, float]
) -> dict[str, Any]:
    """Time all contenders on a case, in turn, and return what is stored of it."""
    teams = [Team.of(contender, case, device, loaders) for contender in CONTENDERS]
    for _ in range(rounds + 1):
        for team in teams:
            team.train()
    for team in teams:
        team.end()
    return {
        "case": case.name,
        "runs": len(case.runs),
        "steps": case.epochs * case.steps,
        "batch_size": case.batch_size,
        "operations": case.operations,
        "contenders": summary(case, {t.contender: (t.seconds[1:], t.how, t.memory) for t in teams}, ceilings),
    }


def summary(
    case: Case, found: Mapping[str, tuple[Sequence[float], str, int]], ceilings: Mapping[str, float]
) -> dict[str, Any]:
    """Return each contender's numbers from the times of its rounds, the way it trained, and its memory."""
    engines = statistics.median(found["engine"][0])
    rows = {}
    for contender, (seconds, how, memory) in found.items():
        median = statistics.median(seconds)
        rows[contender] = {
            "how": how,
            "seconds": [round(s, 4) for s in seconds],
            "images_per_second": case.images / median,
            "times_the_engine": median / engines,
            "share_of_ceiling": {name: case.operations / median / ceiling for name, ceiling in ceilings.items()},
            "peak_memory_bytes": memory,
        }
    return rows


def ceilings_of(device: torch.device) -> dict[str, float]:
    """Return the operations a second of a large matrix product: float32 on a CPU; TF32 and bfloat16 on CUDA."""
    if device.type == "cpu":
        torch.set_num_threads(workers_on(device))
        return {"fp32": _ceiling(1536, torch.float32, device)}
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    found = {"tf32": _ceiling(8192, torch.float32, device), "bf16": _ceiling(8192, torch.bfloat16, device)}
    torch.backends.cuda.matmul.allow_tf32 = before
    return found


def _ceiling(side: int, dtype: torch.dtype, device: torch.device) -> float:
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: left @ right, device, 2.0)


def table(results: Sequence[Mapping[str, Any]], ceilings: Mapping[str, float]) -> str:
    """Return the results for people."""
    headers = [
        "case",
        "contender",
        "images/s",
        "x engine's time",
        *(f"of {name}" for name in ceilings),
        "peak GiB",
        "how",
    ]
    rows = []
    for result in results:
        for contender, row in result["contenders"].items():
            shares = [f"{share:.1%}" for share in row["share_of_ceiling"].values()]
            rate, times, memory = row["images_per_second"], row["times_the_engine"], row["peak_memory_bytes"] / 2**30
            rows.append(
                [result["case"], contender, f"{rate:,.0f}", f"{times:.2f}", *shares, f"{memory:.2f}", row["how"]]
            )
    return tabulate(rows, headers, disable_numparse=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Time all cases, print a table and write the JSON; return the exit code, 2 for bad usage, 130 interrupted."""
    return exit_code(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s bench-full --", description="Time the engine against plain loops.")
    parser.add_argument("--device", default="cuda", help="cuda (default), cuda:1 or cpu")
    parser.add_argument(
        "--quick", action="store_true", help="few steps of small batches, for a CPU; says little of speed"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="CASE", help="start of a case's name; repeatable"
    )
    parser.add_argument(
        "--rounds", type=int, help="timed rounds after the one that warms up; default 5, with --quick 1"
    )
    parser.add_argument("--loaders", type=int, help="loading processes of the DataLoader; default 4, with --quick 0")
    parser.add_argument(
        "--output", type=to_path, help=f"file to write; default {RESULTS.name}/<device>.json beside this one"
    )
    options = parser.parse_args(arguments)
    rounds = options.rounds if options.rounds is not None else 1 if options.quick else 5
    chosen = [c for c in cases(options.quick) if not options.only or c.name.startswith(tuple(options.only))]
    device = device_of(options.device)
    require(device)
    if not chosen or rounds < 1:
        raise UsageError(f"--only: the cases are {', '.join(c.name for c in cases(False))}; --rounds is at least 1")
    loaders = options.loaders if options.loaders is not None else 0 if options.quick else 4
    ceilings = ceilings_of(device)
    results = []
    for case in chosen:
        print(f"{case.name}: {len(case.runs)} runs of {case.epochs * case.steps} steps", file=sys.stderr, flush=True)
        results.append(contest(case, device, rounds, loaders, ceilings))
    slug = re.sub(r"[^a-z0-9]+", "-", device_name(device).lower()).strip("-")
    path = options.output or RESULTS / f"{slug}-{device.type}{'-quick' if options.quick else ''}.json"
    content = {
        "what": "a quick run: it shows that the script works, not how fast anything is"
        if options.quick
        else "full size",
        "date": time.strftime("%Y-%m-%d"),
        "device": device_name(device),
        "provenance": provenance(),
        "ceilings": ceilings,
        "cases": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{table(results, ceilings)}\n\n{content['what']}; {device_name(device)}; stored in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
