"""A GPU that is none: tensors that lie on the device "cuda" in name, with their numbers on the CPU.

    with FakeGpu() as gpu:
        model.to("cuda")
        ...
    assert gpu.waits == {"fit._Group._histories": 4}

It proves, on any machine, that code written for a GPU
- mixes no tensors of the device with tensors of the CPU where CUDA would refuse: such an operation raises RuntimeError;
- draws on the device with generators of the device, on the CPU with generators of the CPU: anything else raises;
- waits for the device only where it says so: `waits` counts, by function of this project, all values read on the host
  (`.item()`, `bool`, `.tolist()`, `.cpu()`, results whose shape depends on values), all copies from pageable memory to
  the device, and all indices left on the CPU, which CUDA copies silently;
- may be captured: `torch.cuda.graph` takes operations down, puts all memory back, and refuses to wait or to draw from a
  generator that the graph does not know. A replay repeats the same operations on the same memory, so that a number that
  was fixed on the host when they were taken down shows in what comes out, and refuses where such memory has been freed.

What comes out are numbers of the CPU's kernels, which can be compared with the CPU's own. It proves nothing about
CUDA's kernels, their rounding and layouts, about memory, speed, streams, or what cuDNN and cuBLAS do in a capture.
"""

import contextlib
import sys
import weakref
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

CUDA = torch.device("cuda", 0)
_INSIDE = torch.device("meta")  # where torch's core takes these tensors to be: it needs no driver there
_CPU = torch.device("cpu")
_ROOT = Path(__file__).parents[1]
_OURS = tuple(str(_ROOT / name) for name in ("common", "papers"))
_READS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_INDEXING = ("aten::index", "aten::_unsafe_index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
_SCALARS_WELCOME = ("aten::where", "aten::masked_fill", "aten::_fused_sgd_", "aten::index_put", "aten::_foreach")


class OnGpu(torch.Tensor):
    """A tensor of the fake GPU; `inner` holds its numbers."""

    @staticmethod
    def __new__(cls, inner):
        shape = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, **shape, dtype=inner.dtype, device=_INSIDE)

    def __init__(self, inner):
        self.inner = inner

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} with a tensor of a fake GPU outside its context")

    @property
    def device(self):
        return CUDA

    @property
    def is_cuda(self):
        return True

    def __repr__(self, **options):
        return f"OnGpu({self.inner!r})"


class FakeGpu:
    """The context in which there is a fake GPU.

    `waits` counts waits for it by the function of this project that waits, `graphs` lists what was captured.
    """

    def __init__(self):
        self.waits = Counter()
        self.graphs = []
        self.recording = None
        self.draws = torch.Generator().manual_seed(0)  # of the device, which dropout draws from
        self.alive = defaultdict(list)  # tensors by where their memory begins

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        for name, stand_in in self._stand_ins().items():
            self.stack.enter_context(mock.patch(f"torch.{name}", stand_in))
        self.stack.enter_context(_Operations(self))
        self.stack.enter_context(_Calls(self))
        return self

    def __exit__(self, *error):
        self.stack.close()

    def _stand_ins(self):
        return {
            "Generator": _Generator,
            "cuda.CUDAGraph": self._new_graph,
            "cuda.Stream": _Stream,
            "cuda.current_stream": lambda device=None: _Stream(),
            "cuda.stream": lambda stream: contextlib.nullcontext(),
            "cuda.graph": lambda graph: _Capture(self, graph),
            "cuda.synchronize": lambda device=None: self.wait("synchronize"),
            "cuda.empty_cache": lambda: None,
            "cuda.get_device_name": lambda device=None: "fake GPU",
            "cuda.get_rng_state": lambda device=None: self.draws.get_state(),
            "cuda.set_rng_state": lambda state, device=None: self.draws.set_state(state),
            "cuda.manual_seed_all": lambda seed: self.draws.manual_seed(seed),
        }

    def _new_graph(self):
        self.graphs.append(_Graph(self))
        return self.graphs[-1]

    def wait(self, why):
        """Note that the host waits for the device; raise in a capture, where it must not."""
        place = _place()
        if self.recording is not None:
            raise RuntimeError(f"operation not permitted when stream is capturing: {why} in {place}")
        if place is not None:
            self.waits[place] += 1

    @contextlib.contextmanager
    def drawing(self):
        """Let what is drawn without a generator come from the device's own."""
        host = torch.default_generator.get_state()
        torch.default_generator.set_state(self.draws.get_state())
        try:
            yield
        finally:
            self.draws.set_state(torch.default_generator.get_state())
            torch.default_generator.set_state(host)

    def bring(self, tensor):
        """Return a tensor of the CPU as one of this GPU, in the same memory."""
        brought = OnGpu(tensor)
        self.alive[_memory(tensor)].append(weakref.ref(brought))
        return brought


class _Generator(torch.Generator):
    """A generator that knows which device it was made for."""

    def __new__(cls, device="cpu"):
        return super().__new__(cls, "cpu")

    def __init__(self, device="cpu"):
        self.made_for = torch.device(device)

    @property
    def device(self):
        return self.made_for

    def manual_seed(self, seed):
        super().manual_seed(seed)
        return self

    def set_state(self, state):
        if isinstance(state, OnGpu):
            raise TypeError("RNG state must be a torch.ByteTensor on the CPU")
        super().set_state(state)
        return self


class _Stream:
    def wait_stream(self, other):
        pass


class _Capture:
    """The context in which a graph takes operations down."""

    def __init__(self, gpu, graph):
        self.gpu, self.graph, self.capture_stream = gpu, graph, _Stream()

    def __enter__(self):
        self.states = [(generator, generator.get_state()) for generator in [self.gpu.draws, *self.graph.generators]]
        self.gpu.recording = self.graph

    def __exit__(self, *error):
        self.gpu.recording = None
        self.graph.put_back()
        for generator, state in self.states:
            generator.set_state(state)


class _Graph:
    """Operations taken down, and the memory that they read and write."""

    def __init__(self, gpu):
        self.gpu, self.operations, self.own, self.before = gpu, [], set(), {}
        self.generators = []

    def register_generator_state(self, generator):
        """Let the graph draw from a generator of the device."""
        if generator.device.type != "cuda":
            raise RuntimeError(f"a graph draws from generators of its device, not from one of {generator.device}")
        self.generators.append(generator)

    def run(self, func, args, kwargs):
        """Do an operation on tensors of the CPU, and take it down."""
        given = list(_tensors((args, kwargs)))
        for tensor in given:
            if _memory(tensor) not in self.own and _memory(tensor) not in self.before:
                self.before[_memory(tensor)] = (tensor, tensor.untyped_storage().clone())
        out = func(*args, **kwargs)
        known = {_memory(tensor) for tensor in given}
        new = list(_tensors(out))
        self.own |= {_memory(tensor) for tensor in new} - known
        self.operations.append((func, args, kwargs, [None if _memory(tensor) in known else tensor for tensor in new]))
        return out

    def put_back(self):
        """Undo what taking down has done."""
        for tensor, storage in self.before.values():
            tensor.untyped_storage().copy_(storage)

    def replay(self):
        """Do all operations again, on the same memory."""
        for memory, (tensor, _) in self.before.items():
            if not any(own() is not None for own in self.gpu.alive[memory]):
                raise RuntimeError(f"a graph reads memory that is freed: a tensor {list(tensor.shape)}")
        with self.gpu.drawing(), no_dispatch():
            for func, args, kwargs, own in self.operations:
                for tensor, value in zip(own, _tensors(func(*args, **kwargs)), strict=True):
                    if tensor is not None:  # else it lies in memory that the operation has written, or only viewed
                        tensor.copy_(value)


class _Calls(TorchFunctionMode):
    """What has to be seen before torch's core: devices by name, generators, values read and written at once."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.device:
            return func(*args, **kwargs)
        if (generator := kwargs.get("generator")) is not None:
            self._check(generator, args, kwargs)
        if func in (torch.tensor, torch.as_tensor) and _is_cuda(kwargs.get("device")):
            del kwargs["device"]
            return func(*args, **kwargs).to(_INSIDE)
        if func is torch.Tensor.new_tensor and isinstance(args[0], OnGpu):
            return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)).to(_INSIDE)
        if func is torch.Tensor.tolist and isinstance(args[0], OnGpu):
            return args[0].to(_CPU).tolist()
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(args[0], OnGpu):
            args = (args[0], _brought(args[1]), *args[2:])
        if func == torch.Tensor.data.__set__:
            return self._set_data(func, *args)
        args = tuple(_INSIDE if _is_cuda(arg) else arg for arg in args)
        return func(*args, **{name: _INSIDE if _is_cuda(value) else value for name, value in kwargs.items()})

    def _set_data(self, func, tensor, value):
        """Give a tensor the memory of another, as `tensor.data = value` does on any device."""
        if isinstance(value, OnGpu) and not isinstance(tensor, OnGpu):
            moved = OnGpu(value.inner).requires_grad_(tensor.requires_grad)
            moved._is_param = isinstance(tensor, torch.nn.Parameter)
            torch.utils.swap_tensors(tensor, moved)
            self.gpu.alive[_memory(value.inner)].append(weakref.ref(tensor))
            return
        func(tensor, value)
        if isinstance(value, OnGpu):
            tensor.inner = value.inner
            self.gpu.alive[_memory(value.inner)].append(weakref.ref(tensor))

    def _check(self, generator, args, kwargs):
        tensors = [arg for arg in args if isinstance(arg, torch.Tensor)]
        drawn_on = torch.device(kwargs.get("device") or (tensors[0].device if tensors else _CPU))
        if generator.device.type != drawn_on.type:
            raise RuntimeError(f"Expected a '{drawn_on}' device type for generator but found '{generator.device}'")
        known = self.gpu.recording is None or any(generator is own for own in self.gpu.recording.generators)
        if drawn_on.type != "cpu" and not known:
            raise RuntimeError("a generator that the graph does not know draws in a capture")


class _Operations(TorchDispatchMode):
    """What torch's core does, on the numbers inside."""

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # nothing is compiled here, and the compiler takes seconds to import

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        given = list(_tensors((args, kwargs)))
        ours = [tensor for tensor in given if isinstance(tensor, OnGpu)]
        asked = kwargs.get("device")
        made_here = asked is not None and torch.device(asked).type == "meta"
        if any(tensor.device == _INSIDE for tensor in given if not isinstance(tensor, OnGpu)):
            raise NotImplementedError(f"a tensor came to the device in a way that the fake does not know, in {func}")
        if not ours and not made_here:
            return func(*args, **kwargs)
        name = func._schema.name
        leaves = not made_here and (
            (name == "aten::_to_copy" and asked is not None)
            or (name == "aten::copy_" and not isinstance(args[0], OnGpu))
        )
        if name in ("aten::_to_copy", "aten::copy_"):
            if leaves or len(ours) < len(given):
                self.gpu.wait("a copy between host and device")
        elif len(ours) < len(given) or _special(func):
            self._look(func, name, args, kwargs, given)
        if made_here:
            kwargs["device"] = _CPU
        if torch.Tag.inplace_view in func.tags:
            with no_dispatch():
                func(*args, **kwargs)  # the shape that the tensor shows
        outer = {id(tensor.inner): tensor for tensor in ours} | {id(tensor): tensor for tensor in given}
        out = self._run(func, *_mapped(lambda own: own.inner if isinstance(own, OnGpu) else own, (args, kwargs)))

        def shown(tensor):
            known = outer.get(id(tensor), tensor if leaves else None)
            return self.gpu.bring(tensor) if known is None else known

        return _mapped(shown, out)

    def _look(self, func, name, args, kwargs, given):
        """Raise where CUDA would, and note where it would wait."""
        others = [tensor for tensor in given if not isinstance(tensor, OnGpu)]
        if name in _INDEXING:
            if not isinstance(args[0], OnGpu):
                raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
            indices = [index for index in args[1] if index is not None]
            if any(not isinstance(index, OnGpu) for index in indices):
                self.gpu.wait("an index on the CPU")
            filled = len(args) > 2 and args[2].dim() == 0
            if any(index.dtype in (torch.bool, torch.uint8) for index in indices) and not filled:
                self.gpu.wait("a mask as index")
            others = [tensor for tensor in others if not any(tensor is index for index in indices)]
        elif _READS & set(func.tags):
            self.gpu.wait(name)
        elif name == "aten::_fused_sgd_":
            _check_fused_sgd(*args[:3], kwargs["momentum"])
        scalars = torch.Tag.pointwise in func.tags or name.startswith(_SCALARS_WELCOME)
        written = name.endswith("_") and isinstance(args[0], torch.Tensor) and not isinstance(args[0], OnGpu)
        if any(tensor.dim() or not scalars for tensor in others) or written:
            raise RuntimeError(f"Expected all tensors to be on the same device, cuda:0 and cpu, in {name}")

    def _run(self, func, args, kwargs):
        run = func if self.gpu.recording is None else lambda *a, **k: self.gpu.recording.run(func, a, k)
        if torch.Tag.nondeterministic_seeded in func.tags and kwargs.get("generator") is None:
            with self.gpu.drawing():
                return run(*args, **kwargs)
        return run(*args, **kwargs)


@cache
def _special(func):
    """Tell whether an operation has to be looked at even where all its tensors lie on the device."""
    return func._schema.name in (*_INDEXING, "aten::_fused_sgd_") or bool(_READS & set(func.tags))


def _check_fused_sgd(parameters, gradients, buffers, momentum):
    """Raise where CUDA's kernel does, which walks through memory in its order, and where the CPU's goes wrong."""
    if buffers and not momentum:
        raise RuntimeError("TORCH_CHECK_GT(momentum, 0): there are buffers")
    for tensors in zip(parameters, gradients, buffers or parameters, strict=True):
        layouts = {tuple(s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1) for t in tensors}
        if len(layouts) > 1:
            raise RuntimeError(f"check_fast_path_restrictions: memory of other layouts, {layouts}")


def _brought(index):
    """Return an index whose lists of numbers are tensors of the device, as torch makes them."""
    if isinstance(index, tuple):
        return tuple(_brought(part) for part in index)
    return torch.tensor(index, dtype=torch.long).to(_INSIDE) if isinstance(index, list) else index


def _is_cuda(value):
    if isinstance(value, str):
        return value == "cuda" or value.startswith("cuda:")
    return isinstance(value, torch.device) and value.type == "cuda"


def _tensors(tree):
    """Yield all tensors in any nesting of lists, tuples and dictionaries."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, list | tuple | dict):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(branch)


def _mapped(change, tree):
    """Return the same nesting with all tensors changed."""
    if isinstance(tree, torch.Tensor):
        return change(tree)
    if isinstance(tree, dict):
        return {name: _mapped(change, branch) for name, branch in tree.items()}
    return type(tree)([_mapped(change, branch) for branch in tree]) if isinstance(tree, list | tuple) else tree


def _memory(tensor):
    return tensor.untyped_storage().data_ptr()


def _place():
    """Return the innermost function of this project that runs, as module.function; None where there is none."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith(_OURS):
            name = frame.f_code.co_qualname.replace(".<locals>", "").replace(".<listcomp>", "")
            return f"{Path(frame.f_code.co_filename).stem}.{name.replace('.<genexpr>', '').replace('.<dictcomp>', '')}"
        frame = frame.f_back
    return None
