"""Everything a program does beside training, on a fake GPU: the CPU's numbers without a wait."""

import pytest
import torch
from torch import nn

from common.models.small_cnn import small_cnn
from common.train.program import Program
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")


class Net(nn.Module):
    """An extractor and a classifier, as a stack or, with dropout, alone."""

    def __init__(self, alone):
        super().__init__()
        layers = [nn.Linear(64, 5), nn.Dropout(0.5)] if alone else [nn.Linear(64, 5)]
        self.extractor, self.classifier = small_cnn(), nn.Sequential(*layers)

    def forward(self, images):
        return self.classifier(self.extractor(images))


def measured(alone, device):
    """Use every method once; return all that came of it, on the device."""
    torch.manual_seed(0)
    program = Program([Net(alone).to(device) for _ in range(1 if alone else 3)])
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(12, 1, 8, 8, generator=generator).to(device)
    labels = torch.randint(5, (12,), generator=generator).to(device)
    index = torch.arange(12, device=device).expand(program.runs, -1)
    where = torch.arange(program.runs, device=device) % 2 == 0

    def present(part):
        return images[part], labels[part]

    kept = program.state()
    found = [program.correct(images, labels, index), *program.evaluate(present, index)]
    with torch.no_grad():
        for parameter in program.parameters.values():
            parameter.mul_(0.5)
    program.keep(where, kept)
    found += kept.values()
    with torch.no_grad():
        for parameter in program.parameters.values():
            parameter.mul_(0.5)
    program.restore(where, kept)
    found += program.module.state_dict().values()
    features = program.part("extractor", kept, images.expand(program.runs, *images.shape))
    found += [features, program.part("classifier", kept, features), program.inputs_of("classifier", present, index)]
    found += program.parameters_of_runs().values()
    program.load(kept)
    torch.manual_seed(1)  # of the device too, which dropout draws from
    found += [*program.of_run(program.state(), 0).values(), *program.gradients(program.losses(*present(index)))]
    return found


@pytest.mark.parametrize("alone", [False, True])
def test_a_program_measures_keeps_and_restores_on_the_device(alone):
    with FakeGpu() as gpu:
        there = measured(alone, CUDA)
        assert not gpu.waits
        found = [tensor.detach().cpu() for tensor in there]
    for one, other in zip(found, measured(alone, CPU), strict=True):
        assert torch.equal(one, other)


def test_runs_in_inference_are_chosen_on_the_device_in_a_stack_and_on_the_host_alone():
    for alone, expected in ((False, {}), (True, {"program.Program.training_mode": 1})):
        with FakeGpu() as gpu:
            program = Program([Net(alone).to(CUDA) for _ in range(1 if alone else 2)])
            program.training_mode("extractor", torch.ones(program.runs, dtype=torch.bool, device=CUDA))
            images = torch.randn(program.runs, 6, 1, 8, 8).to(CUDA)
            labels = torch.zeros(program.runs, 6, dtype=torch.long, device=CUDA)
            program.gradients(program.losses(images, labels))
        assert gpu.waits == expected
