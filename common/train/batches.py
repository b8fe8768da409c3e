"""Which images make up the batches of a run."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from common.errors import UsageError


def shuffled_epochs(
    own: Tensor, epochs: int, batch_size: int, seeds: Sequence[int], ragged: bool = False
) -> Iterator[Sequence[Tensor]]:
    """Yield every epoch's batches, [R, B] each: all images that own [R, n] names in a new order.

    The last batch, where it is smaller, is dropped unless they may be `ragged`. Raises ValueError where the images do
    not fill one batch.
    """
    size = own.shape[1]
    taken = size if ragged else size - size % batch_size
    if not taken:
        raise ValueError(f"{size} images do not fill a batch of {batch_size}")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(size, generator=g)[:taken] for g in generators])
        yield torch.split(own.gather(1, orders.to(own.device)), batch_size, dim=1)


class StratifiedBatches:
    """Endless batches with equally many images of every class.

    Every class has its own endless list: all its images in random order, again and again, each time shuffled anew. So
    small classes come round more often than large ones, and no image waits longer than one round of its class.
    """

    def __init__(self, labels: Tensor, index: Tensor, num_classes: int, batch_size: int, seed: int) -> None:
        """Prepare batches of the images that `index` names, whose classes are `labels[index]`.

        Raises UsageError where the batch cannot hold equally many images of every class, or a class has none.
        """
        if batch_size % num_classes:
            raise UsageError(f"a batch of {batch_size} cannot hold equally many images of {num_classes} classes")
        own = labels[index].cpu()
        self.classes = [index.cpu()[own == label] for label in range(num_classes)]
        for label, members in enumerate(self.classes):
            if not len(members):
                raise UsageError(f"class {label} has no image to train on")
        self.per_class = batch_size // num_classes
        seeds = torch.randint(2**62, (num_classes,), generator=torch.Generator().manual_seed(seed)).tolist()
        self.generators = [torch.Generator().manual_seed(own) for own in seeds]
        self.waiting = [members[:0] for members in self.classes]

    def draw(self, batches: int) -> Tensor:
        """Return the next batches, indices int64 [batches, batch_size], classes in turn.

        How many are drawn at once changes none of them.
        """
        needed = batches * self.per_class
        columns = []
        for label, members in enumerate(self.classes):
            parts = [self.waiting[label]]
            missing = needed - len(parts[0])
            while missing > 0:
                parts.append(members[torch.randperm(len(members), generator=self.generators[label])])
                missing -= len(members)
            stream = torch.cat(parts)
            columns.append(stream[:needed].view(batches, self.per_class))
            self.waiting[label] = stream[needed:]
        return torch.cat(columns, dim=1)
