"""Steps that a GPU repeats by itself: captured once as a CUDA graph, then replayed without the host's operator calls.

Small networks are bound by these calls, not by arithmetic; one graph holds forward and backward pass and the update.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Step = Callable[[Sequence[Tensor]], Tensor]
"""Maps inputs to an output and changes the state in place; waits for nothing and decides nothing on the host."""

WARM_UPS = 3  # runs before the capture, in which libraries choose algorithms and allocate their workspaces


class Captured:
    """Work that is captured at its first call and replayed for all inputs of the same shapes; others run as they are.

    `state` lists every tensor that the work changes in place, `generators` those that it draws from. Warming up changes
    them too, so they are put back before the capture: what a step computes does not depend on whether it is replayed.
    """

    def __init__(self, work: Step, state: Sequence[Tensor], generators: Sequence[torch.Generator]) -> None:
        self.work, self.state, self.generators = work, state, generators
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: list[Tensor] = []
        self.output = torch.empty(0)

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Do the work and return its output; a replay's output is overwritten by the next one."""
        if self.graph is None:
            self.graph = self._captured(inputs)
        if [tensor.shape for tensor in inputs] != [tensor.shape for tensor in self.inputs]:
            return self.work(inputs)
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.graph.replay()
        return self.output

    def _captured(self, inputs: Sequence[Tensor]) -> torch.cuda.CUDAGraph:
        self.inputs = [tensor.clone() for tensor in inputs]
        graph = torch.cuda.CUDAGraph()
        for generator in self.generators:  # the device's own, which dropout takes, is registered by every capture
            graph.register_generator_state(generator)
        before = [tensor.detach().clone() for tensor in self.state]
        drawn = [generator.get_state() for generator in self.generators]
        capture = torch.cuda.graph(graph)
        assert capture.capture_stream is not None
        _warm_up(self._run, capture.capture_stream)
        with torch.no_grad():
            for tensor, value in zip(self.state, before, strict=True):
                tensor.copy_(value)
        for generator, position in zip(self.generators, drawn, strict=True):
            generator.set_state(position)
        with capture:
            self._run()
        return graph

    def _run(self) -> None:
        self.output = self.work(self.inputs)


def _warm_up(work: Callable[[], None], stream: torch.cuda.Stream) -> None:
    """Run the work on a side stream, as captures ask for; the device's own generator stays where it is.

    The stream is that of all captures: libraries keep workspaces for every stream that they have seen.
    """
    drawn = torch.cuda.get_rng_state()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.set_rng_state(drawn)


def repeated(
    work: Step, state: Sequence[Tensor], device: torch.device, generators: Sequence[torch.Generator] = ()
) -> Step:
    """Return work as the device does it best: captured on a GPU, as it is elsewhere.

    `state` and `generators` are those of `Captured`.
    """
    return Captured(work, state, generators) if device.type == "cuda" else work
