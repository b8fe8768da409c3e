"""How much each weight matters before training: the SNIP saliency and the GraSP importance."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from common.models import weight_tensors
from common.models.init import SCHEMES


def snip_scores(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Return the saliency dL/dW * W of every weight for the mean cross-entropy of one batch.

    The network maps `inputs` [N, C, H, W] to logits or log-probabilities [N, classes]; `targets` are labels
    [N]. The scores are named, ordered and shaped like `weight_tensors(model)`. A score equals the derivative
    of the loss by a factor put on the weight, where all factors are 1 (Eq. 1, and step 1 of Algorithm 1). It
    keeps its sign; the mask rule ranks the magnitude.

    BatchNorm uses the statistics of the batch (the paper does not say which), dropout is off. Parameters,
    their `.grad`, buffers and the mode of every module are afterwards what they were before.
    """
    weights = _differentiable_weights(model)
    with torch.enable_grad():
        gradients = _gradients(_batch_loss(model, weights, inputs, targets), weights)
    return _times_weights(gradients, weights)


def grasp_scores(
    model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]], temperature: float = 1.0
) -> dict[str, Tensor]:
    """Return the GraSP importance W * (H dL/dW) of every weight, for the sum of the batches' mean cross-entropies.

    Batches of inputs and targets, result and absence of side effects are those of `snip_scores` (Eq. S.3). The score
    is signed: the highest are kept, whatever their magnitude. The logits are divided by `temperature` before the
    loss; 1 is the formula as printed, 200 the default of the published GraSP code, which the paper used without
    listing its constants. Raises ValueError for a temperature that is not positive.

    H is the Hessian over all weight tensors at once, entries between different layers included, because the
    score expands the squared gradient norm of the whole network (Eq. S.1 and S.2). It is never formed: with G
    = dL/dW, and v the same numbers held constant, differentiating the single number <G, v> gives the exact
    product H v. BatchNorm sees every batch by itself.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    weights = _differentiable_weights(model)
    with torch.enable_grad():
        losses = [_batch_loss(model, weights, *batch, temperature) for batch in batches]
        gradients = _gradients(torch.stack(losses).sum(), weights, create_graph=True)
        squared_norm = torch.stack([(g * g.detach()).sum() for g in gradients]).sum()
        products = _gradients(squared_norm, weights)
    return _times_weights(products, weights)


def linear_layers_redrawn(model: nn.Module, seed: int) -> nn.Module:
    """Return a copy whose linear layers have new weights, Xavier-normal; the published GraSP code scores such a copy.

    They are drawn on the CPU, layer by layer in registration order.
    """
    copied, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in copied.modules():
            if isinstance(module, nn.Linear):
                module.weight.copy_(SCHEMES["xavier_normal"](module.weight.shape, generator))
    return copied


def _differentiable_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights as leaves of their own graph: parameters and their `.grad` take no part in it."""
    return {name: weight.detach().requires_grad_() for name, weight in weight_tensors(model).items()}


def _batch_loss(
    model: nn.Module, weights: dict[str, Tensor], inputs: Tensor, targets: Tensor, temperature: float = 1.0
) -> Tensor:
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with scoring_mode(model):
        logits: Tensor = functional_call(model, {**weights, **buffers}, (inputs,))
    return F.cross_entropy(logits / temperature, targets)


def _gradients(output: Tensor, weights: dict[str, Tensor], create_graph: bool = False) -> tuple[Tensor, ...]:
    return torch.autograd.grad(output, tuple(weights.values()), create_graph=create_graph, materialize_grads=True)


def _times_weights(factors: tuple[Tensor, ...], weights: dict[str, Tensor]) -> dict[str, Tensor]:
    pairs = zip(weights.items(), factors, strict=True)
    return {name: (factor * weight).detach() for (name, weight), factor in pairs}


@contextmanager
def scoring_mode(model: nn.Module) -> Iterator[None]:
    """Put BatchNorm in training mode, all else in evaluation mode; restore every mode and buffer afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        for module, _ in modes:
            module.training = isinstance(module, _BatchNorm)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for buffer, value in buffers:
            buffer.copy_(value)
