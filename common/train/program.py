"""Networks of one architecture as one thing to train and to evaluate: a stack, or a single network as it is."""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from common.datasets.resident import Stored
from common.train.evaluate import BATCH, STACK_BATCH, evaluation_mode
from common.train.stacking import StackedBatchNorm, stack, stackable, unfolds


class Program:
    """R networks that train together. Inputs and outputs have the runs as leading dimension, R = 1 for a single one.

    The networks hold the current weights at any time: those of a stack are views of it.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        """Stack the networks. Raises ValueError for several that do not stack."""
        device = next(models[0].parameters()).device
        self.stacked = stackable(models[0], device)
        if not self.stacked and len(models) > 1:
            raise ValueError("networks that do not stack are trained one at a time")
        self.runs = len(models)
        self.module = stack(models) if self.stacked else models[0]
        if not self.stacked:
            self.module.to(memory_format=torch.channels_last)
        self.parameters = dict(self.module.named_parameters())
        self.evaluated_at_once = STACK_BATCH if self.stacked and unfolds(device) else BATCH
        self.strategy = f"stack of {self.runs}" if self.stacked else "single"

    def logits(self, images: Tensor) -> Tensor:
        """Map images [R, B, C, H, W] to logits [R, B, classes]."""
        outputs: Tensor = self.module(self._inputs(images))
        return outputs if self.stacked else outputs.unsqueeze(0)

    def training_mode(self, part: str = "", inference: Tensor | None = None) -> None:
        """Switch to training mode; `part` of the runs that `inference`, bool [R], names stays in evaluation mode."""
        self.module.train()
        submodule = self.module.get_submodule(part)
        for layer in submodule.modules():
            if isinstance(layer, StackedBatchNorm):
                layer.inference = inference
        if not self.stacked and inference is not None and bool(inference[0]):
            submodule.eval()

    def losses(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return each run's mean cross-entropy, [R]."""
        logits = self.logits(images)
        losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view(labels.shape).mean(1)

    def gradients(self, losses: Tensor) -> list[Tensor]:
        """Return the gradients of the losses [R] by `parameters`, in their order and laid out like them in memory."""
        parameters = list(self.parameters.values())
        gradients = torch.autograd.grad(losses.sum(), parameters)
        return [_laid_out_like(p, gradient) for p, gradient in zip(parameters, gradients, strict=True)]

    @torch.no_grad()
    def correct(self, images: Stored, labels: Tensor, index: Tensor) -> Tensor:
        """Count each run's right answers in evaluation mode on the images that index [R, n] names, [R].

        Labels are [N], or [R, N] where every run has its own.
        """
        with evaluation_mode(self.module):
            parts = [
                right(self.logits(images[part]), labels_of(labels, part))
                for part in torch.split(index, self.evaluated_at_once, 1)
            ]
        return torch.stack(parts).sum(0)

    @torch.no_grad()
    def evaluate(self, present: Callable[[Tensor], tuple[Tensor, Tensor]], index: Tensor) -> tuple[Tensor, Tensor]:
        """Return each run's mean loss and its share of right answers, [R] each, in evaluation mode.

        `present` turns parts of `index`, int64 [R, n], into images [R, B, C, H, W] and labels [R, B].
        """
        losses, correct = [], []
        with evaluation_mode(self.module):
            for part in torch.split(index, min(self.evaluated_at_once, BATCH // 4), 1):
                images, labels = present(part)
                logits = self.logits(images)
                each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
                losses.append(each.view(labels.shape).sum(1))
                correct.append(right(logits, labels))
        return torch.stack(losses).sum(0) / index.shape[1], torch.stack(correct).sum(0) / index.shape[1]

    def state(self) -> dict[str, Tensor]:
        """Return a copy of all parameters and buffers, [R, ...] in a stack."""
        return {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take all runs to a state."""
        for name, value in self.module.state_dict().items():
            value.copy_(state[name])

    @torch.no_grad()
    def keep(self, where: Tensor, kept: Mapping[str, Tensor]) -> None:
        """Copy the present state of some runs, bool [R], into a state."""
        for name, value in self.module.state_dict().items():
            torch.where(self.per_run(where, value), value, kept[name], out=kept[name])

    @torch.no_grad()
    def restore(self, where: Tensor, kept: Mapping[str, Tensor]) -> None:
        """Take some runs, bool [R], back to a kept state."""
        for name, value in self.module.state_dict().items():
            torch.where(self.per_run(where, value), kept[name], value, out=value)

    def per_parameter(self, values: Sequence[float]) -> list[Tensor]:
        """Return one number a run so that it broadcasts against every parameter, in the order of `parameters`."""
        device = next(iter(self.parameters.values())).device
        of_runs = torch.tensor(values, dtype=torch.float64).to(device)
        return [self.per_run(of_runs.to(parameter.dtype), parameter).clone() for parameter in self.parameters.values()]

    def parameters_of_runs(self) -> dict[str, Tensor]:
        """Return all parameters with the runs as leading dimension, as views that are not differentiated."""
        own = {name: parameter.detach() for name, parameter in self.parameters.items()}
        return own if self.stacked else {name: parameter.unsqueeze(0) for name, parameter in own.items()}

    def inputs_of(self, layer: str, present: Callable[[Tensor], tuple[Tensor, Tensor]], index: Tensor) -> Tensor:
        """Return what a layer is given for the images that `evaluate` would show, [R, n, ...], in evaluation mode."""
        seen: list[Tensor] = []
        handle = self.module.get_submodule(layer).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        self.evaluate(present, index)
        handle.remove()
        return torch.cat(seen, 1) if self.stacked else torch.cat(seen).unsqueeze(0)

    def per_run(self, values: Tensor, like: Tensor) -> Tensor:
        """View one value a run, [R], so that it broadcasts against a parameter or buffer of the program."""
        return values.view(-1, *[1] * (like.dim() - 1)) if self.stacked else values[0]

    def of_run(self, state: Mapping[str, Tensor], run: int) -> dict[str, Tensor]:
        """Return one run's part of a state."""
        return {name: value[run] if self.stacked else value for name, value in state.items()}

    @torch.no_grad()
    def part(self, name: str, state: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Map inputs [R, B, ...] by one submodule in a given state, in evaluation mode."""
        prefix, module = f"{name}.", self.module.get_submodule(name)
        own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        with evaluation_mode(module):
            outputs: Tensor = functional_call(module, own, (inputs if self.stacked else inputs[0],))
        return outputs if self.stacked else outputs.unsqueeze(0)

    def _inputs(self, images: Tensor) -> Tensor:
        return images if self.stacked else images[0].contiguous(memory_format=torch.channels_last)


def labels_of(labels: Tensor, index: Tensor) -> Tensor:
    """Return the labels [R, B] of the images that index [R, B] names, from labels [N], or [R, N] of each run's own."""
    return labels[index] if labels.dim() == 1 else labels.gather(1, index)


def right(logits: Tensor, labels: Tensor) -> Tensor:
    """Count each run's right answers, [R], from logits [R, B, classes]; one that is not finite is wrong."""
    return ((logits.argmax(-1) == labels) & logits.isfinite().all(-1)).sum(1)


def _laid_out_like(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Return a gradient with the parameter's strides, which fused updates ask for."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)
