"""Run small experiments of every training loop in processes of their own, and kill those: after saves, and any time.

`python -m tests.common.run.interrupted FOLDER SECONDS` writes FOLDER/summary.json: for every loop how often it
was killed in either way, how often inside a save, and which records differ from those of a run that nobody interrupted.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from common.experiment import Experiment, Grid, Tier
from common.machine import set_up
from common.models.architecture import architecture
from common.models.grouped import grouped_cnn
from common.models.vgg import vgg_mini
from common.package import Package
from common.provenance import provenance
from common.reproduce import Request, train
from common.run.call import Environment
from common.study import study
from common.train.checkpoint import CheckpointFile
from common.train.schedules import DropAtEpochs
from papers.fast import settings as fast
from papers.fast.procedures import FINE_TUNING
from papers.fast.tasks import task
from papers.freezenet import settings as freezenet
from papers.freezenet import training as freezenet_training
from papers.freezenet.procedures import TRACED_TRAINING
from papers.freezenet.procedures import TRAINING as FREEZENET
from papers.plasticity import settings as plasticity
from papers.plasticity import training as plasticity_training
from papers.plasticity.procedures import TRAINING as PLASTICITY
from papers.sequential_learning.frozen_weights import arms as frozen
from papers.sequential_learning.frozen_weights import settings as frozen_settings
from papers.sequential_learning.frozen_weights.procedures import TRAINING as FROZEN_TRAINING
from papers.sequential_learning.negative_pretraining import settings as negative_settings
from papers.sequential_learning.negative_pretraining.procedures import TRAINING as NEGATIVE
from papers.sequential_learning.presentation import image_set

SEEDS, MOST_DEATHS = 2, 50
SAVES = {"fast": 9, "plasticity, stacked": 3, "frozen weights": 3, "negative pretraining": 2}  # until it dies; else 1

DIGITS = replace(
    freezenet.DIGITS, recipe=replace(freezenet.DIGITS.recipe, epochs=4, schedule=DropAtEpochs((2,))), name="short"
)
TEXTURES = replace(
    freezenet.TEXTURES_10,
    model=architecture(vgg_mini, num_classes=10, width=9),
    recipe=replace(freezenet.TEXTURES_10.recipe, epochs=2, batch_size=120),
    name="wide",
)
RELABELLED = replace(plasticity.DIGITS, pretraining=5, epochs=4, averaged=2, required=0.0, name="short")
WIDE = replace(
    plasticity.TEMPLATES,
    model=architecture(grouped_cnn, width=33, depth=1),
    batch_size=100,
    pretraining=2,
    epochs=2,
    averaged=1,
    required=0.0,
    name="wide",
)
FROZEN = replace(frozen_settings.RETRAINED, source_epochs=4, epochs=5, name="short")
ROTATED = replace(fast.ROTATED, steps=40, source_steps=30, name="short")
WARM_UP = replace(fast.WARM_UP, steps=30, source_steps=30, name="short")

LOOPS = {
    "freezenet, stacked and observed": (
        TRACED_TRAINING,
        (
            freezenet.Cell(DIGITS, "baseline", 0.0),
            freezenet.Cell(DIGITS, "freezenet", 0.9),
            freezenet.Cell(DIGITS, "freezenet-wd", 0.9),
        ),
    ),
    "freezenet, one by one, mirrored": (FREEZENET, (freezenet.Cell(TEXTURES, "freezenet", 0.9),)),
    "plasticity, stacked": (
        PLASTICITY,
        (
            plasticity.warm(RELABELLED),
            plasticity.scratch(RELABELLED, extra=3),
            plasticity.Cell(RELABELLED, stages=2, pretraining=3, optimizer="momentum", reset="2", rate=0.01),
            plasticity.Cell(RELABELLED, stages=0, gamma=0.5, optimizer="rmsprop"),
        ),
    ),
    "plasticity, one by one": (PLASTICITY, (plasticity.warm(WIDE),)),
    "negative pretraining": (
        NEGATIVE,
        (
            negative_settings.baseline(negative_settings.DIGITS, 0.02, (9, 2)),
            negative_settings.pretrained(negative_settings.DIGITS, "blur-then-shift", 3, (0.05, 0.02), (6, 2), "23"),
            negative_settings.pretrained(negative_settings.DIGITS, "blur-then-shift", 3, (0.05, 0.01), (6, 2), "23"),
        ),
    ),
    "frozen weights": (
        FROZEN_TRAINING,
        (
            frozen.Scratch(FROZEN, 0.05, 1e-3),
            frozen.Retrained(FROZEN, "blur", shifted=True),
            frozen.Retrained(FROZEN, "blur", reset=True),
            frozen.Retrained(FROZEN, "blur", samples=0.5),  # goes on from the same networks, in another program
        ),
    ),
    "fast": (
        FINE_TUNING,
        (
            fast.Cell(ROTATED, fast.ZERO, 0.05, 0.005),
            fast.Cell(ROTATED, fast.FAN_IN, 0.01, 0.01, optimizer="radam"),
            fast.Cell(WARM_UP, fast.FAN_IN, 1e-4, 0.05, warm_up="inference"),  # so slow that warm-up ends
            fast.Cell(WARM_UP, fast.FAN_IN, 1e-4, 0.05, warm_up="updating"),
        ),
    ),
}


HERE, NO_DATA = torch.device("cpu"), Path("no data needed")


def prepare() -> None:
    """Load what every process would load by itself: data, and hashes of the code."""
    provenance()
    for procedure, _ in LOOPS.values():
        procedure.code  # noqa: B018
    for name in (DIGITS.dataset, TEXTURES.dataset):
        freezenet_training.images_of(name, NO_DATA, HERE)
    for name in (RELABELLED.dataset, WIDE.dataset):
        plasticity_training.data_of(name, NO_DATA, HERE)
    for setting in (negative_settings.DIGITS, FROZEN):
        image_set(setting.dataset, NO_DATA, HERE, True)
    for name in (ROTATED.source, ROTATED.target):
        task(name, NO_DATA, HERE)


def run(loop: str, folder: Path, every: float | None) -> None:
    """Run the jobs of one loop that have no record yet."""
    procedure, cells = LOOPS[loop]
    experiment = Experiment("table", "Table 9", procedure, full=Grid(cells, SEEDS))
    environment = Environment(HERE, NO_DATA, checkpoint_seconds=every)
    package = Package("toy", (experiment,), lambda results: [])
    if train(Request(study(package, Tier.FULL), folder, environment)):
        raise RuntimeError("a job failed")


def die_after(saves: int) -> None:
    """Kill this process once it has saved training so often."""
    save, left = CheckpointFile.save, [saves]

    def counting(file: CheckpointFile) -> None:
        save(file)
        left[0] -= bool(file.tree)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    CheckpointFile.save = counting


def child(loop: str, folder: Path, every: float | None, saves: int = 0) -> int:
    """Run in a process of its own, which needs no imports any more, and return its id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if saves:
                die_after(saves)
            run(loop, folder, every)
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int, seconds: float) -> bool:
    """Wait; tell whether the process ended well by itself, or kill it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if status not in (0, signal.SIGKILL):
                raise RuntimeError(f"ended with status {status}")
            return not status
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def records(folder: Path) -> dict[str, object]:
    """Return what the records say, but for times."""
    found = {}
    for path in sorted((folder / "full" / "toy").glob("*.json")):
        content = json.loads(path.read_text())
        together = content["provenance"]["together"]
        found[path.stem] = [content[name] for name in ("cell", "seed", "scalars", "curves")] + [together]
    return found


def differing(whole: Path, other: Path) -> list[str]:
    """Return the keys of the records that are not equal, bit for bit, and the checkpoints that are left."""
    expected, found = records(whole), records(other)
    left = [path.name for path in (other / "full" / "toy").rglob("*.safetensors")]
    return left + sorted(key for key in expected | found if expected.get(key) != found.get(key))


def main(folder: Path, seconds: float) -> None:
    """Kill every loop for about so many seconds, then let it end."""
    set_up()
    prepare()
    draw, summary = random.Random(), {}
    for loop in LOOPS:
        whole, steps, parts = (folder / f"{loop}, {kind}" for kind in ("whole", "by saves", "at random"))
        started = time.monotonic()
        assert ended(child(loop, whole, None), 600.0)
        length = time.monotonic() - started
        deaths = 0
        while not ended(child(loop, steps, 0.0, SAVES.get(loop, 1)), 600.0):
            deaths += 1
            if deaths > MOST_DEATHS:
                raise RuntimeError(f"{loop}: training never ends")
        kills, saves, until = 0, 0, time.monotonic() + seconds
        while not ended(child(loop, parts, 0.0), draw.uniform(0.0, length / 2) if time.monotonic() < until else 600.0):
            kills += 1
            saves += any((parts / "full" / "toy").rglob(".tmp-*"))
        summary[loop] = {
            "jobs": len(records(whole)),
            "deaths": deaths,
            "kills": kills,
            "in a save": saves,
            "different": [differing(whole, steps), differing(whole, parts)],
            "seconds": round(length, 2),
        }
        print(loop, summary[loop], file=sys.stderr)
    (folder / "summary.json").write_text(json.dumps(summary))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
