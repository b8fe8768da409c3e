"""The gradient norms of Section 4.3: at initialisation, and along training."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from common.experiment import Job, Measured, Metrics
from common.models.weights import weight_tensors
from common.run.call import Call
from common.train.fit import TrainingRun
from papers.freezenet.saliency import scoring_mode
from papers.freezenet.training import Images, images_of, prepare, train


def at_initialisation(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Measure every job's network before training, over its whole training set."""
    setting = jobs[0].cell.setting
    data = images_of(setting.dataset, call.data_dir, call.device)
    for job in jobs:
        prepared = prepare(job.cell, job.seed, data)
        norms = gradient_norms(prepared.run, data, setting.recipe.batch_size)
        yield job, Metrics({name: float(value) for name, value in norms.items()})


def along_training(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Train every job's network and measure its gradient before training and after every epoch."""
    setting = jobs[0].cell.setting
    data = images_of(setting.dataset, call.data_dir, call.device)
    observe = partial(gradient_norms, data=data, batch_size=setting.recipe.batch_size)
    for job, metrics in train(jobs, call, observe):
        trace = metrics.curves["gradient_norm"]
        scalars = {
            "first_gradient_norm": trace[0],
            "least_gradient_norm": min(trace),
            "largest_gradient_norm": max(trace),
            "last_gradient_norm": trace[-1],
            "largest_over_first": max(trace) / trace[0] if trace[0] else float("nan"),
        }
        yield job, Metrics({**metrics.scalars, **scalars}, metrics.curves, metrics.seconds)


def gradient_norms(run: TrainingRun, data: Images, batch_size: int) -> dict[str, Tensor]:
    """Measure the gradient of the mean loss with respect to the trainable weights.

    `gradient_norm`: the L1 norms of the batches' gradients, summed over the training set and divided by
    the number of trainable weights. `summed_gradient_norm`: the L1 norm of the gradient summed over the
    set, divided likewise. `gradient_mean` and `gradient_std`: mean and standard deviation over the training
    data, batch by batch, of the L1 norm divided likewise (Fig. 4 right).
    """
    weights = weight_tensors(run.model)
    masks = [run.mask.get(name, torch.ones_like(w, dtype=torch.bool)).to(w.device) for name, w in weights.items()]
    count = sum(int(mask.sum()) for mask in masks)
    per_batch = torch.zeros((), device=data.images.device)
    summed = [torch.zeros_like(w) for w in weights.values()]
    batches, norms = torch.split(run.train.to(data.images.device), batch_size), []
    with scoring_mode(run.model):
        for batch in batches:
            norm = torch.zeros_like(per_batch)
            loss = F.cross_entropy(run.model(data.images[batch]), data.labels[batch])
            for total, mask, gradient in zip(
                summed, masks, torch.autograd.grad(loss, list(weights.values())), strict=True
            ):
                masked = gradient.masked_fill(~mask, 0.0)
                size = masked.abs().sum()
                per_batch += size
                norm += size
                total += masked
            norms.append(norm / count)
    of_batches = torch.stack(norms)
    return {
        "gradient_norm": per_batch / count,
        "summed_gradient_norm": torch.stack([total.abs().sum() for total in summed]).sum() / count,
        "gradient_mean": of_batches.mean(),
        "gradient_std": of_batches.std(correction=0),
    }
