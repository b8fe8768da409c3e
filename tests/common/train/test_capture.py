import pytest
import torch

from common.train.capture import WARM_UPS, Captured, repeated


class Replayed:
    """A graph for the CPU: warming up works, capturing does nothing, replaying does the work on the captured memory."""

    def __init__(self):
        self.warmed, self.replays = 0, 0
        self.generators = []

    def draw_from(self, generator):
        self.generators.append(generator)

    def warm_up(self, work):
        with torch.random.fork_rng(devices=[]):
            for _ in range(WARM_UPS):
                work()
                self.warmed += 1

    def capture(self, work):
        self.captured = work

    def replay(self):
        self.replays += 1
        self.captured()


def momentum(weight, velocity):
    """Work that changes two tensors, as a step with momentum does."""

    def work(inputs):
        gradient, rate = inputs
        velocity.mul_(0.9).add_(gradient)
        weight.sub_(rate * velocity)
        return weight.square().sum()

    return work


def stepped(captured, gradients, rates):
    weight, velocity = torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    graphs = []

    def new_graph():
        graphs.append(Replayed())
        return graphs[-1]

    work = momentum(weight, velocity)
    step = Captured(work, [weight, velocity], [], new_graph) if captured else work
    outputs = [step([gradient, rate]).clone() for gradient, rate in zip(gradients, rates, strict=True)]
    return weight, velocity, torch.stack(outputs), graphs


def test_replayed_steps_are_those_of_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    rates = torch.tensor([0.1, 0.1, 0.05, 0.05, 0.01], dtype=torch.float64)
    *plain, _ = stepped(False, gradients, rates)
    *replayed, graphs = stepped(True, gradients, rates)
    for one, other in zip(plain, replayed, strict=True):
        assert torch.equal(one, other)
    (graph,) = graphs
    assert (graph.warmed, graph.replays) == (WARM_UPS, 5)


def test_replayed_steps_draw_what_a_plain_loop_draws():
    def drawn(captured):
        generator, graphs = torch.Generator().manual_seed(0), []

        def new_graph():
            graphs.append(Replayed())
            return graphs[-1]

        def work(inputs):
            return inputs[0] + torch.rand(2, generator=generator)

        step = Captured(work, [], [generator], new_graph) if captured else work
        outputs = [step([torch.full((2,), float(i))]).clone() for i in range(4)]
        assert not captured or graphs[0].generators == [generator]
        return torch.stack(outputs)

    assert torch.equal(drawn(False), drawn(True))


def test_inputs_of_another_shape_run_as_they_are():
    total = torch.zeros(())
    graphs = []

    def new_graph():
        graphs.append(Replayed())
        return graphs[-1]

    def work(inputs):
        return total.add_(inputs[0].sum())

    step = Captured(work, [total], [], new_graph)
    assert [step([torch.ones(size)]).item() for size in (4, 4, 3, 4)] == [4.0, 8.0, 11.0, 15.0]
    assert graphs[0].replays == 3


def test_a_cpu_does_the_work_as_it_is():
    def work(inputs):
        return inputs[0]

    assert repeated(work, [], torch.device("cpu")) is work
    assert isinstance(repeated(work, [], torch.device("cuda")), Captured)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_computes_what_plain_steps_compute():
    def trained(captured):
        weight = torch.full((8, 8), 0.5, device="cuda", requires_grad=True)
        velocity = torch.zeros(8, 8, device="cuda")

        def work(inputs):
            loss = (inputs[0] @ weight).square().mean()
            (gradient,) = torch.autograd.grad(loss, [weight])
            with torch.no_grad():
                velocity.mul_(0.9).add_(gradient)
                weight.sub_(0.01 * velocity)
            return loss.detach()

        step = Captured(work, [weight, velocity], []) if captured else work
        batches = torch.randn(20, 4, 8, generator=torch.Generator().manual_seed(0)).cuda()
        losses = [step([batch]).clone() for batch in batches]
        return torch.stack(losses), weight.detach()

    for plain, replayed in zip(trained(False), trained(True), strict=True):
        torch.testing.assert_close(plain, replayed)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_draws_what_plain_steps_draw():
    def drawn(captured):
        generator = torch.Generator("cuda").manual_seed(0)

        def work(inputs):
            own = torch.rand(2, generator=generator, device="cuda")
            return inputs[0] + own + torch.nn.functional.dropout(torch.ones(2, device="cuda"))

        step = Captured(work, [], [generator]) if captured else work
        outputs = []
        for seed in range(6):
            torch.manual_seed(seed)
            outputs.append(step([torch.zeros(2, device="cuda")]).clone())
        return torch.stack(outputs), generator.get_state()

    for plain, replayed in zip(drawn(False), drawn(True), strict=True):
        assert torch.equal(plain, replayed)
