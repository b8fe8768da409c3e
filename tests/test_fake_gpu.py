"""The fake GPU refuses, counts and repeats what a GPU would."""

import copy

import pytest
import torch
from torch import nn

from common.seeds import global_draws
from common.train.capture import repeated
from common.train.evaluate import accuracy
from tests.fake_gpu import CUDA, FakeGpu

MIXES = {
    "sum": lambda here, there: here + there,
    "product": lambda here, there: here @ there.T,
    "in place": lambda here, there: there.add_(here),
    "mask": lambda here, there: torch.where(here > 0, there, 0.0),
    "stack": lambda here, there: torch.stack([here, there]),
    "list": lambda here, there: torch._foreach_add_([there], [here]),
    "index on the device": lambda here, there: here[there.long()],
    "masked fill": lambda here, there: there.masked_fill_(here > 0, 0.0),
}
READS = {
    "item": lambda there: there.sum().item(),
    "branch": lambda there: bool(there.sum() > 0),
    "list": lambda there: there.tolist(),
    "host": lambda there: there.cpu(),
    "mask": lambda there: there[there > 0],
    "nonzero": lambda there: there.nonzero(),
    "equal": lambda there: torch.equal(there, there),
    "new tensor": lambda there: there + torch.tensor([1.0, 2.0], device="cuda"),
    "index": lambda there: there[torch.tensor([0, 1])],
}


@pytest.mark.parametrize("mix", MIXES)
def test_tensors_of_two_devices_do_not_mix(mix):
    with FakeGpu(), pytest.raises(RuntimeError, match="same device"):
        MIXES[mix](torch.ones(2, 2), torch.ones(2, 2, device=CUDA))


def test_single_numbers_of_the_cpu_are_welcome():
    with FakeGpu() as gpu:
        found = torch.ones(2, device="cuda") * torch.tensor(3.0)
    assert found.inner.tolist() == [3.0, 3.0]
    assert not gpu.waits


@pytest.mark.parametrize("read", READS)
def test_a_capture_refuses_to_wait(read):
    with FakeGpu() as gpu:
        there = torch.ones(2, device="cuda")
        with pytest.raises(RuntimeError, match="capturing"), torch.cuda.graph(torch.cuda.CUDAGraph()):
            READS[read](there)
        READS[read](there)
    assert not gpu.waits, "tests may wait"


def test_waits_are_counted_by_the_function_that_waits():
    with FakeGpu() as gpu:
        model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).to("cuda")
        accuracy(model, torch.ones(6, 1, 2, 2, device="cuda"), torch.zeros(6, dtype=torch.long, device="cuda"))
    assert gpu.waits == {"evaluate.accuracy": 2}


def test_random_numbers_are_drawn_by_a_generator_of_their_device():
    with FakeGpu():
        here, there = (torch.Generator(device).manual_seed(0) for device in ("cpu", "cuda"))
        assert torch.rand(2, generator=there, device="cuda").tolist() == torch.rand(2, generator=here).tolist()
        for generator, device in ((here, "cuda"), (there, "cpu")):
            with pytest.raises(RuntimeError, match="device type for generator"):
                torch.rand(2, generator=generator, device=device)
        with pytest.raises(RuntimeError, match="does not know"), torch.cuda.graph(torch.cuda.CUDAGraph()):
            torch.rand(2, generator=there, device="cuda")


def test_dropout_draws_from_the_devices_own_numbers_and_gives_them_back():
    before = torch.get_rng_state()
    with FakeGpu() as gpu:
        state = gpu.draws.get_state()
        shown = []
        for _ in range(2):
            with global_draws(3, CUDA):
                shown.append(nn.functional.dropout(torch.ones(50, device="cuda")).tolist())
                assert torch.equal(torch.get_rng_state(), torch.Generator().manual_seed(3).get_state())
        assert torch.equal(gpu.draws.get_state(), state)
    assert shown[0] == shown[1]
    assert 0 < sum(shown[0]) < 100
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_goes_there_and_copies_there():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    with FakeGpu():
        there = copy.deepcopy(model).to("cuda")
        again = copy.deepcopy(there)
        with torch.no_grad():
            again[0].weight.zero_()
        again.load_state_dict(there.state_dict())
        assert all(value.device == CUDA for value in again.state_dict().values())
        assert torch.equal(again[0].weight.cpu(), model[0].weight)


def trained(work, steps, device):
    """Do some steps; return the weight after each."""
    weight = torch.ones(3, device=device)
    step = repeated(lambda inputs: work(weight, *inputs), [weight], device)
    return [step([torch.full((3,), float(n), device=device)]).clone().tolist() for n in range(steps)]


def test_a_graph_repeats_what_it_took_down():
    def work(weight, gradient):
        return weight.sub_(0.1 * gradient).clone()

    with FakeGpu() as gpu:
        replayed = trained(work, 4, CUDA)
    assert replayed == trained(work, 4, torch.device("cpu"))
    assert len(gpu.graphs) == 1


def test_a_number_of_the_host_is_fixed_when_a_graph_takes_it_down():
    def worked():
        count = iter(range(100))
        return lambda weight, gradient: weight.add_(next(count)).clone()

    with FakeGpu():
        replayed = trained(worked(), 3, CUDA)
    assert replayed == [[4.0] * 3, [7.0] * 3, [10.0] * 3]  # 3 after as many steps that warmed up
    assert replayed != trained(worked(), 3, torch.device("cpu"))


def test_a_graph_refuses_to_read_memory_that_is_freed():
    def work(weight, gradient):
        return weight.add_(held[0]).clone()

    with FakeGpu():
        held = [torch.ones(3, device="cuda")]
        weight = torch.ones(3, device="cuda")
        step = repeated(lambda inputs: work(weight, *inputs), [weight], CUDA)
        assert step([weight]).tolist() == [2.0] * 3
        held[0] = torch.zeros(3, device="cuda")
        with pytest.raises(RuntimeError, match="freed"):
            step([weight])


def test_the_fused_step_refuses_gradients_of_another_layout():
    with FakeGpu():
        weight, other = torch.ones(2, 3, device="cuda"), torch.ones(3, 2, device="cuda").T
        with pytest.raises(RuntimeError, match="layout"):
            torch._fused_sgd_(
                *([weight], [other], [weight.clone()]),
                **dict.fromkeys(("weight_decay", "momentum", "lr", "dampening"), 0.1),
                **dict.fromkeys(("nesterov", "maximize", "is_first_step"), False),
            )
