"""The contenders of the large benchmark, on tiny cases: what they train, and what is made of their times."""

import copy

import pytest
import torch

from benchmarks import full_scale
from benchmarks.full_scale import CONTENDERS, Case, cases, share_of, summary
from common.experiment import Tier
from papers.freezenet.settings import LENET_5, TEXTURES_10, VGG_CIFAR10, Cell
from papers.freezenet.table2 import TABLE2
from papers.plasticity.settings import CIFAR

CPU = torch.device("cpu")
MASKED = Case("masked", ((Cell(LENET_5, "freezenet", 0.9), 0), (Cell(LENET_5, "baseline", 0.0), 0)), 1, 28, 10, 2, 2)
AUGMENTED = Case("augmented", ((Cell(TEXTURES_10, "baseline", 0.0), 0),), 3, 16, 10, 2)


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("case", [MASKED, AUGMENTED], ids=lambda case: case.name)
def test_every_contender_trains_what_is_not_frozen(contender, case):
    share = share_of(case, 0, 1, CPU, 0)
    before = [copy.deepcopy(run.model.state_dict()) for run in share.runs]
    assert CONTENDERS[contender](share)
    for run, start in zip(share.runs, before, strict=True):
        assert len(run.train) == case.steps * case.batch_size
        for name, parameter in run.model.named_parameters():
            mask = run.mask.get(name, torch.ones_like(parameter, dtype=torch.bool))
            assert torch.equal(parameter[~mask], start[name][~mask]), name
            assert not torch.equal(parameter[mask], start[name][mask]), name
        batches = [value for name, value in run.model.state_dict().items() if name.endswith("num_batches_tracked")]
        assert all(int(count) == case.epochs * case.steps for count in batches)


def test_shares_deal_out_all_runs():
    shares = [share_of(MASKED, part, 2, CPU, 0) for part in range(2)]
    assert [[bool(run.mask) for run in share.runs] for share in shares] == [[True], [False]]


def test_large_networks_multiply_as_the_suite_does():
    used = {case.name: {cell.setting.precision for cell, _ in case.runs} for case in cases(quick=True)}
    assert used["vgg16-d"] == {VGG_CIFAR10.precision}
    assert used["resnet-18"] == {CIFAR.precision}


def test_the_full_grid_is_that_of_table_2():
    grid, vgg, resnet = cases(quick=False)
    assert len(grid.runs) == len(TABLE2.jobs(Tier.FULL))
    assert set(grid.runs) == {(job.cell, job.seed) for job in TABLE2.jobs(Tier.FULL)}
    assert vgg.operations == pytest.approx(1879e6 * 128 * 1500, rel=0.01)
    assert resnet.operations == pytest.approx(3329e6 * 128 * 1500, rel=0.01)


def test_the_summary_compares_medians():
    found = {"engine": ([1.0, 9.0, 2.0], "stack of 2", 7), "resident": ([8.0, 4.0, 6.0], "eager", 8)}
    rows = summary(MASKED, found, {"fp32": MASKED.operations})
    assert rows["engine"]["images_per_second"] == 2 * 2 * 2 * 10 / 2.0
    assert rows["resident"]["times_the_engine"] == 3.0
    assert rows["resident"]["share_of_ceiling"] == {"fp32": pytest.approx(1 / 6)}
    assert rows["engine"]["peak_memory_bytes"] == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:99"], "device 'cuda:99' was asked for"),
        (["--device", "cpu", "--only", "alexnet"], "the cases are lenet-5-caffe grid, vgg16-d, resnet-18"),
        (["--device", "cpu", "--rounds", "0"], "--rounds is at least 1"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(arguments, message, capsys):
    assert full_scale.main(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
