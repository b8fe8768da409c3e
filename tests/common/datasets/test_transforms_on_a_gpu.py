"""Transforms on a fake GPU: drawn on the device, and without a wait."""

import pytest
import torch

from common.datasets.transforms import Flip, Translate, blurred, contrasted, shifted
from tests.fake_gpu import CUDA, FakeGpu

TRANSFORMS = {
    "flip": lambda images, draws: Flip()(images, draws),
    "translate": lambda images, draws: Translate(2)(images, draws),
    "blur": lambda images, draws: blurred(images, 0.5),
    "contrast": lambda images, draws: contrasted(images, 0.3),
    "shift": lambda images, draws: shifted(images, *torch.ones(2, len(images), device=images.device).long(), 1),
}
WAITS = {"contrast": {"transforms.contrasted": 1}}  # the weights of the colours; once a stage, not in a step


@pytest.mark.parametrize("name", TRANSFORMS)
def test_images_are_transformed_on_their_device(name):
    images = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = TRANSFORMS[name](images, torch.Generator().manual_seed(1))
    with FakeGpu() as gpu:
        there = TRANSFORMS[name](images.to(CUDA), torch.Generator(CUDA).manual_seed(1))
        assert gpu.waits == WAITS.get(name, {})
        assert torch.equal(there.cpu(), expected)


@pytest.mark.parametrize("transform", [Flip(), Translate(2)], ids=str)
def test_a_generator_of_the_host_is_refused(transform):
    with FakeGpu(), pytest.raises(RuntimeError, match="device type for generator"):
        transform(torch.rand(7, 3, 8, 8).to(CUDA), torch.Generator())
