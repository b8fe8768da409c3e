import pytest
import torch

from common import machine
from common.errors import UsageError

CUDA = torch.device("cuda")


def failing(error):
    def init():
        raise error

    return init


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (
            RuntimeError("The NVIDIA driver on your system is too old\n(found version 11040). Please update."),
            "The NVIDIA driver on your system is too old (found version 11040). Please update;",
            "update the NVIDIA driver, or install a torch wheel for an older CUDA",
        ),
        (RuntimeError("Found no NVIDIA driver on your system."), "Found no NVIDIA driver", "or use --device cpu"),
        (AssertionError("Torch not compiled with CUDA enabled"), "not compiled", "install a torch wheel with CUDA"),
        (RuntimeError("CUDA driver initialization failed"), "initialization failed", "check nvidia-smi"),
    ],
)
def test_cuda_that_cannot_be_used_is_explained_in_one_line_with_what_to_do(monkeypatch, error, said, remedy):
    monkeypatch.setattr(torch.cuda, "init", failing(error))
    with pytest.raises(UsageError) as caught:
        machine.require(CUDA)
    message = str(caught.value)
    assert message.startswith(f"device 'cuda' was asked for, but torch {torch.__version__}, built for CUDA ")
    assert said in message
    assert message.endswith(remedy) or remedy in message.rsplit(";", 1)[1]
    assert "\n" not in message


def test_a_gpu_that_is_there_but_cannot_compute_is_explained(monkeypatch):
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "ones", lambda *size, device: failing(RuntimeError("no kernel image"))())
    with pytest.raises(UsageError, match="cannot use it: no kernel image; check nvidia-smi"):
        machine.require(CUDA)


def test_a_gpu_beyond_those_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match="device 'cuda:2' was asked for, but there are 2 of its kind here"):
        machine.require(torch.device("cuda:2"))


def test_a_gpu_that_is_asked_for_becomes_the_current_one(monkeypatch):
    chosen, ones = [], torch.ones
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch, "ones", lambda *size, device: ones(*size))
    machine.require(torch.device("cuda:1"))
    assert chosen == [torch.device("cuda:1")]


def test_convolutions_on_a_gpu_take_the_same_algorithm_each_time(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    threads = torch.get_num_threads()
    machine.set_up()
    torch.set_num_threads(threads)
    assert torch.backends.cudnn.deterministic


def test_the_cpu_needs_nothing():
    machine.require(torch.device("cpu"))
    assert machine.memory_of(torch.device("cpu")) is None
    machine.require_memory(torch.device("cpu"), 1e30, "a job")
