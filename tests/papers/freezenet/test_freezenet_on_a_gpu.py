"""FreezeNet on a fake GPU: scores, masks, training, gradient norms and storage give what they give on the CPU."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.experiment import Job
from common.models.architecture import architecture, build
from common.models.init import initialise
from common.models.vgg import vgg_mini
from common.run.call import Call
from papers.freezenet import gradient_flow, storage, training
from papers.freezenet.masks import apply_pruning, freezing_mask, freezing_rates, random_mask
from papers.freezenet.procedures import TRACED_TRAINING
from papers.freezenet.saliency import grasp_scores, snip_scores
from papers.freezenet.settings import DIGITS, TEXTURES_10, Cell
from papers.freezenet.training import Images
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")
VGG = architecture(vgg_mini, num_classes=10, width=2)
MLP = replace(DIGITS, name="short", recipe=replace(DIGITS.recipe, epochs=2, batch_size=20))
SINGLE = replace(TEXTURES_10, name="single", recipe=replace(TEXTURES_10.recipe, epochs=2, batch_size=20))
SINGLE = replace(SINGLE, model=architecture(vgg_mini, num_classes=10, width=9))  # too wide to stack
METHODS = ("baseline", "freezenet", "freezenet-wd", "snip", "grasp", "random")


def tiny(device, shape):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(110, *shape, generator=generator)
    labels = torch.arange(110) % 10
    on = (tensor.to(device) for tensor in (images[:80], labels[:80], images[80:], labels[80:]))
    return Images(*on, 10)


def grasp(model, inputs, targets):
    return grasp_scores(model, [(inputs, targets)])


def scored(scores, device):
    model = build(VGG)
    initialise(model, "xavier_normal", 0)
    model.to(device)
    data = tiny(device, (3, 16, 16))
    return model, scores(model, data.images[:12], data.labels[:12])


@pytest.mark.parametrize("scores", [snip_scores, grasp])
def test_scores_never_leave_the_device(scores):
    with FakeGpu() as gpu:
        _, there = scored(scores, CUDA)
        assert not gpu.waits
        found = {name: score.cpu() for name, score in there.items()}
    for name, score in scored(scores, CPU)[1].items():
        assert torch.equal(found[name], score), name


@pytest.mark.parametrize("rate", [0.5, 0.99, 0.9999])
def test_masks_are_the_cpus_and_lie_on_the_device(rate):
    def masks(device):
        model, scores = scored(snip_scores, device)
        ties = {name: torch.zeros_like(score) for name, score in scores.items()}
        drawn = torch.Generator().manual_seed(0)
        found = [freezing_mask(scores, rate, drawn), freezing_mask(ties, rate), random_mask(model, rate, drawn)]
        counts = freezing_rates(model, found[0])
        apply_pruning(model, found[0])
        assert all(part.device == device for mask in found for part in mask.values())
        tensors = [*(part for mask in found for part in mask.values()), *model.state_dict().values()]
        return counts, [tensor.cpu() for tensor in tensors]

    with FakeGpu():
        there = masks(CUDA)
    here = masks(CPU)
    assert there[0] == here[0]
    assert all(torch.equal(one, other) for one, other in zip(there[1], here[1], strict=True))


@pytest.mark.parametrize(
    ("setting", "shape", "methods"), [(MLP, (1, 8, 8), METHODS), (SINGLE, (3, 16, 16), ("freezenet",))]
)
def test_every_arm_measures_what_it_measures_on_the_cpu(setting, shape, methods, monkeypatch):
    cells = [Cell(setting, method, 0.9 * (method != "baseline")) for method in methods]
    jobs = [Job(TRACED_TRAINING, cell, 0) for cell in cells]

    def measured(device):
        data = tiny(device, shape)
        for module in (training, gradient_flow):
            monkeypatch.setattr(module, "images_of", lambda *_: data)
        return [metrics for _, metrics in gradient_flow.along_training(jobs, Call(device, Path("none")))]

    with FakeGpu() as gpu:
        there = measured(CUDA)
    assert len(gpu.graphs) == min(len(jobs), 3)  # the baseline, masked ones, and those whose frozen weights decay
    before = {"training.prepare", "training.find_mask", "training.class_balanced", "saliency.linear_layers_redrawn"}
    before |= {"masks.freezing_mask", "masks._keep_highest", "masks._guarded", "masks.random_mask"}
    between_epochs = {"fit._Group._epochs", "batches.shuffled_epochs", "gradient_flow.gradient_norms"}
    after = {"training.measure", "training.frozen_weights", "masks.freezing_rates", "evaluate.accuracy"}
    after |= {"fit._Group._histories", "tape.Tape.read"}
    assert set(gpu.waits) <= before | {"fit._Group.__init__"} | between_epochs | after
    for one, other in zip(there, measured(CPU), strict=True):
        assert one.scalars.keys() == other.scalars.keys()
        for name, value in other.scalars.items():
            same = pytest.approx(value, rel=1e-3, abs=1e-6)
            assert one.scalars[name] == same or (math.isnan(value) and math.isnan(one.scalars[name])), name


def test_a_network_on_the_device_is_stored_as_one_on_the_cpu(tmp_path):
    sizes = []
    with FakeGpu():
        for device in (CPU, CUDA):
            model, scores = scored(snip_scores, device)
            mask = freezing_mask(scores, 0.9)
            sizes.append(storage.save(tmp_path / device.type, model, 0, mask))
    assert sizes[0] == sizes[1]
    assert (tmp_path / "cpu").read_bytes() == (tmp_path / "cuda").read_bytes()
