"""The one training loop on a fake GPU: the CPU's histories from captured steps on bytes, and no wait in any step."""

import gc
import weakref

import pytest
import torch

from common.datasets.resident import Resident
from common.datasets.transforms import Flip, Translate
from common.models.init import initialise
from common.train import checkpoint as checkpoint_files
from common.train.checkpoint import Checkpoint, CheckpointFile
from common.train.fit import Recipe, TrainingRun, fit
from common.train.optimizers import SGD
from common.train.schedules import DropEverySteps
from common.train.state_file import Owner
from tests.common.train.kinds import KINDS
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")
IMAGES, HELD_OUT, BATCH, EPOCHS = 26, 6, 6, 2


def norms(run):
    return {"norm": torch.stack([p.detach().norm() for p in run.model.parameters()]).sum()}


def masks(model, seed, device):
    generator = torch.Generator().manual_seed(seed)
    weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    return {name: (torch.rand(p.shape, generator=generator) < 0.5).to(device) for name, p in weights.items()}


def trained(kind, device, decay_frozen=False, masked=True, masks_on=None, images=IMAGES, checkpoint=None):
    """Train runs with all that `fit` knows; return their histories, and the trained weights on the CPU."""
    model, shape, count = KINDS[kind]
    models = [model() for _ in range(count)]
    for seed, network in enumerate(models):
        initialise(network, "kaiming_uniform", seed)
        network.to(device)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images + HELD_OUT, *shape), generator=generator, dtype=torch.uint8).to(device)
    shown = Resident(pixels, *(torch.full((shape[0], 1, 1), moment).to(device) for moment in (0.5, 0.3)))
    labels = torch.randint(10, (images + HELD_OUT,), generator=generator).to(device)
    train, held_out = torch.arange(images), torch.arange(images, images + HELD_OUT)
    runs = [
        TrainingRun(
            *(network, train, held_out, seed, 0.1),
            mask=masks(network, seed, masks_on or device) if masked else {},
            decay_frozen=decay_frozen,
        )
        for seed, network in enumerate(models)
    ]
    recipe = Recipe(EPOCHS, BATCH, SGD(0.9, 1e-2), DropEverySteps(4), (Flip(), Translate(1)))
    part = {} if checkpoint is None else {"checkpoint": checkpoint}
    histories = fit(runs, recipe, shown, labels, norms, **part)
    return histories, [value.cpu() for network in models for value in network.state_dict().values()]


def assert_alike(found, expected):
    """Compare what came of the fake GPU with what came of the CPU; a captured step rounds its rate to float32."""
    for one, other in zip(found[0], expected[0], strict=True):
        assert one.best_epoch == other.best_epoch
        assert one.validation_accuracy == other.validation_accuracy
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
        assert one.observed["norm"] == pytest.approx(other.observed["norm"], rel=1e-5)
    for one, other in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("masked", ["frozen", "decaying", "whole"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_trains_what_the_cpu_trains_and_waits_between_epochs_only(kind, masked):
    options = {"decay_frozen": masked == "decaying", "masked": masked != "whole"}
    with FakeGpu() as gpu:
        found = trained(kind, CUDA, **options)
        few = dict(gpu.waits)
    if masked == "frozen":
        with FakeGpu() as longer:
            trained(kind, CUDA, images=2 * IMAGES, **options)
        assert longer.waits == few, "more steps wait no oftener"
    assert few == {
        "fit._Group.__init__": 1,  # the validation images' index
        "fit._Group._epochs": 1 + EPOCHS,  # the training images' index, and each epoch's rates
        "batches.shuffled_epochs": EPOCHS,  # each epoch's order
        "tape.Tape.read": 3,  # two curves, and what was observed
        "fit._Group._histories": 1,  # the best epochs
    }
    assert len(gpu.graphs) == 1
    assert_alike(found, trained(kind, CPU, **options))


def test_masks_may_come_from_the_cpu():
    with FakeGpu() as gpu:
        found = trained("stack of linear layers", CUDA, masks_on=CPU)
    assert gpu.waits["fit._Group._frozen"] == 3, "one upload a masked parameter, before training"
    assert_alike(found, trained("stack of linear layers", CPU))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_killed_goes_on_where_it_was(kind, tmp_path, monkeypatch):
    owner, write = Owner("procedure", "code", "cuda", ("job",)), checkpoint_files.write

    def killed(path, *rest):
        write(path, *rest)
        raise KilledError

    with FakeGpu():
        undisturbed = trained(kind, CUDA)
        file = CheckpointFile(tmp_path, owner, 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint_files, "write", killed)
            with pytest.raises(KilledError):
                trained(kind, CUDA, checkpoint=Checkpoint(file, file.tree))
        again = CheckpointFile(tmp_path, owner, 0.0)
        assert again.tree, "an epoch was saved"
        found = trained(kind, CUDA, checkpoint=Checkpoint(again, again.tree))
    for one, other in zip(found[0], undisturbed[0], strict=True):
        assert (one.train_loss, one.validation_accuracy) == (other.train_loss, other.validation_accuracy)
        assert one.observed == other.observed
    assert all(torch.equal(one, other) for one, other in zip(found[1], undisturbed[1], strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_goes_with_its_networks(kind):
    gc.collect()
    gc.disable()
    try:
        with FakeGpu() as gpu:
            trained(kind, CUDA)
            graphs = [weakref.ref(graph) for graph in gpu.graphs]
            gpu.graphs.clear()
            assert graphs
            assert [graph() for graph in graphs] == [None]
    finally:
        gc.enable()
