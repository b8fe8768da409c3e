"""Replayed steps are those of a plain loop, on a GPU where there is one, and on a fake one."""

from contextlib import nullcontext

import pytest
import torch

from common.train.capture import Captured, repeated
from tests.fake_gpu import FakeGpu

REAL = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
ON_A_GPU = pytest.mark.parametrize("gpu", [FakeGpu, pytest.param(nullcontext, marks=REAL)], ids=["fake", "GPU"])


@ON_A_GPU
def test_replayed_steps_are_those_of_a_plain_loop(gpu):
    def trained(captured):
        weight = torch.full((8, 8), 0.5, device="cuda", requires_grad=True)
        velocity = torch.zeros(8, 8, device="cuda")

        def work(inputs):
            batch, rate = inputs
            loss = (batch @ weight).square().mean()
            (gradient,) = torch.autograd.grad(loss, [weight])
            with torch.no_grad():
                velocity.mul_(0.9).add_(gradient)
                weight.sub_(rate * velocity)
            return loss.detach()

        step = Captured(work, [weight, velocity], []) if captured else work
        batches = torch.randn(20, 4, 8, generator=torch.Generator().manual_seed(0)).to("cuda")
        rates = torch.linspace(0.02, 0.001, 20).to("cuda")
        losses = [step([batch, rate]).clone() for batch, rate in zip(batches, rates, strict=True)]
        return [tensor.cpu() for tensor in (torch.stack(losses), weight.detach(), velocity)]

    with gpu():
        found = zip(trained(False), trained(True), strict=True)
        for plain, replayed in found:
            torch.testing.assert_close(plain, replayed)


@ON_A_GPU
def test_replayed_steps_draw_what_a_plain_loop_draws(gpu):
    def drawn(captured):
        generator = torch.Generator("cuda").manual_seed(0)

        def work(inputs):
            own = torch.rand(2, generator=generator, device="cuda")
            return inputs[0] + own + torch.nn.functional.dropout(torch.ones(2, device="cuda"))

        step = Captured(work, [], [generator]) if captured else work
        outputs = []
        for seed in range(6):
            torch.cuda.manual_seed_all(seed)
            outputs.append(step([torch.full((2,), float(seed), device="cuda")]).clone())
        return torch.stack(outputs).cpu(), generator.get_state()

    with gpu():
        for plain, replayed in zip(drawn(False), drawn(True), strict=True):
            assert torch.equal(plain, replayed)


@ON_A_GPU
def test_inputs_of_another_shape_run_as_they_are(gpu):
    with gpu():
        total = torch.zeros((), device="cuda")

        def work(inputs):
            return total.add_(inputs[0].sum())

        step = Captured(work, [total], [])
        assert [step([torch.ones(size, device="cuda")]).item() for size in (4, 4, 3, 4)] == [4.0, 8.0, 11.0, 15.0]


def test_a_cpu_does_the_work_as_it_is():
    def work(inputs):
        return inputs[0]

    assert repeated(work, [], torch.device("cpu")) is work
    assert isinstance(repeated(work, [], torch.device("cuda")), Captured)
