"""What networks are shown: the images of their tasks, transformed on the device."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from common.datasets import load
from common.datasets.dataset import DataSet, in_unit
from common.datasets.resident import Resident, Stored
from common.datasets.transforms import Flip, blurred, contrasted, shifted
from common.seeds import stream
from papers.sequential_learning.path import Task


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set on the device: training images as they are, and test images as they are shown.

    `mean` and `std` [C, 1, 1] standardise images in [0, 1] after they were transformed; they are None where the network
    takes images as they are.
    """

    images: Tensor
    labels: Tensor
    test_images: Stored
    test_labels: Tensor
    num_classes: int
    mean: Tensor | None
    std: Tensor | None


@lru_cache(maxsize=3)
def image_set(dataset: DataSet, data_dir: Path, device: torch.device, standardise: bool) -> ImageSet:
    """Return a data set on the device."""
    data = load(dataset, data_dir)
    labels = data.train_labels.to(device), data.test_labels.to(device)
    images, test = data.train_images.to(device), data.test_images.to(device)
    if not standardise:
        return ImageSet(images, labels[0], test, labels[1], data.num_classes, None, None)
    mean, std = (moment.to(device) for moment in data.moments())
    return ImageSet(images, labels[0], Resident(test, mean, std), labels[1], data.num_classes, mean, std)


class Presentation:
    """The images of one stage for R runs, each of which has a task of its own on the same data set."""

    def __init__(self, data: ImageSet, tasks: Sequence[Task], seeds: Sequence[int]) -> None:
        """Transform the training images once for every different blur and contrast.

        Raises ValueError where a network that takes images as they are is to be shown transformed ones.
        """
        if data.mean is None and any(replace(task, share=1.0) != Task(task.dataset) for task in tasks):
            raise ValueError("a network that takes images as they are is shown no transformed ones")
        self.data, self.tasks, device = data, tasks, data.images.device
        levels = [(task.blur, task.contrast, task.antialias) for task in tasks]
        distinct = list(dict.fromkeys(levels))
        self.views = [_view(data, *level) for level in distinct]
        of_view = [[run for run, level in enumerate(levels) if level == each] for each in distinct]
        self.runs_of_views = [torch.tensor(runs, device=device) for runs in of_view]
        self.back = torch.tensor([run for runs in of_view for run in runs], device=device).argsort()
        self.limits = [round(task.shift * data.images.shape[-1]) for task in tasks]
        self.draws = [torch.Generator(device).manual_seed(stream(seed, "presentation")) for seed in seeds]
        fixed = [torch.Generator(device).manual_seed(stream(seed, "fixed shifts")) for seed in seeds]
        self.fixed_shifts = self._shifts(len(data.images), fixed)

    def in_training(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [R, B, C, H, W] and labels [R, B] for index [R, B]; every presentation is drawn anew."""
        images, labels = self._plain(index)
        if any(task.flip for task in self.tasks):
            shown = zip(images, self.tasks, self.draws, strict=True)
            images = torch.stack([Flip()(own, draw) if task.flip else own for own, task, draw in shown])
        return self._shifted(images, self._shifts(index.shape[1], self.draws)), labels

    def fixed(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same as `in_training`, with one shift an image for the whole stage and no mirroring."""
        images, labels = self._plain(index)
        return self._shifted(images, self.fixed_shifts.gather(2, index.unsqueeze(1).expand(-1, 2, -1))), labels

    def to_test(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return untransformed test images [R, B, C, H, W] and labels [R, B] for index [R, B]."""
        return self.data.test_images[index], self.data.test_labels[index]

    def _plain(self, index: Tensor) -> tuple[Tensor, Tensor]:
        labels = self.data.labels[index]
        if len(self.views) == 1:
            return self.views[0][index], labels
        seen = [view[index[runs]] for view, runs in zip(self.views, self.runs_of_views, strict=True)]
        return torch.cat(seen)[self.back], labels

    def _shifts(self, count: int, draws: Sequence[torch.Generator]) -> Tensor:
        """Draw shifts down and right for `count` images of every run within its own limit, int64 [R, 2, count]."""
        device = self.data.images.device
        shifts = [
            torch.randint(-limit, limit + 1, (2, count), generator=draw, device=device)
            if limit
            else torch.zeros(2, count, dtype=torch.long, device=device)
            for limit, draw in zip(self.limits, draws, strict=True)
        ]
        return torch.stack(shifts)

    def _shifted(self, images: Tensor, shifts: Tensor) -> Tensor:
        """Shift images [R, B, C, H, W] by shifts [R, 2, B]; uncovered pixels are black."""
        if not any(self.limits):
            return images
        assert self.data.mean is not None
        assert self.data.std is not None
        black = -self.data.mean / self.data.std
        down, right = shifts.transpose(0, 1).flatten(1)
        moved = shifted((images - black).flatten(0, 1), down, right, max(self.limits))
        return (moved + black).view(images.shape)


def _view(data: ImageSet, blur: float, contrast: float, antialias: bool) -> Stored:
    """Return all training images as they come standardised after blur and contrast.

    Without either, bytes stay bytes; blurred or contrasted images are floats in memory. A network that takes images as
    they are gets them so.
    """
    if data.mean is None or data.std is None:
        return data.images
    if (blur, contrast) == (1.0, 1.0):
        return Resident(data.images, data.mean, data.std)
    shown = contrasted(blurred(in_unit(data.images), blur, antialias), contrast)
    return shown.sub_(data.mean).div_(data.std)
