import json
from pathlib import Path

import pytest
import torch

from common.errors import UsageError
from common.experiment import Environment
from common.pipeline import probe
from common.pipeline.cost import Rate, Speeds

CPU = Environment(torch.device("cpu"), Path("data"))
SPEEDS = Speeds(Rate(1e6, 1e9, 1e9, 2e9), Rate(1e6, 3e9, 1e9, 4e9), 5e9, 6e-6)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "measure", lambda environment: SPEEDS)
    probe.probe(CPU, tmp_path)
    return tmp_path


def test_a_probe_is_kept_for_the_device_torch_and_threads(kept, monkeypatch):
    found = probe.cached(CPU, kept)
    assert found is not None
    assert found.speeds == SPEEDS
    assert probe.cached(Environment(CPU.device, CPU.data_dir, workers=2), kept) is None
    monkeypatch.setattr(torch, "__version__", "9.9")
    assert probe.cached(CPU, kept) is None


def test_probes_of_several_devices_lie_side_by_side(kept):
    probe.probe(Environment(CPU.device, CPU.data_dir, workers=2), kept)
    assert probe.cached(CPU, kept) is not None
    assert len(json.loads((kept / "probe.json").read_text())["probes"]) == 2


def test_no_probe_was_kept_yet(tmp_path, capsys):
    assert probe.cached(CPU, tmp_path / "none") is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda text: text.replace('"schema": 1', '"schema": 2'),
        lambda text: text.replace("5000000000.0", "-1.0"),
        lambda text: text.replace("5000000000.0", "NaN"),
        lambda text: text.replace("5000000000.0", '"fast"'),
        lambda text: text.replace('"bandwidth"', '"width"'),
        lambda text: text.replace('"small"', '"tiny"'),
        lambda text: "[]",
    ],
)
def test_a_damaged_file_is_named_and_not_used_and_a_new_probe_replaces_it(kept, capsys, damage):
    path = kept / "probe.json"
    path.write_text(damage(path.read_text()))
    assert probe.cached(CPU, kept) is None
    assert capsys.readouterr().err.startswith(f"{path} is not used: ")
    probe.probe(CPU, kept)
    assert probe.cached(CPU, kept) is not None


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "measure", lambda environment: pytest.fail("measured in vain"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        probe.probe(CPU, tmp_path / "file")


def test_a_measurement_of_this_machine_is_plausible():
    found = probe.measure(CPU, seconds=0.02)
    for rate in (found.products, found.convolutions):
        assert 1e8 < rate.small_rate < 1e13
        assert 1e8 < rate.large_rate < 1e13
        assert rate.small < rate.large
    assert 1e8 < found.bandwidth < 1e12
    assert 1e-7 < found.call < 1e-3


def test_a_task_is_timed_by_the_median_of_many(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(probe.time, "perf_counter", lambda: next(clock) * 0.5)
    calls = []
    assert probe.seconds_of(lambda: calls.append(1), torch.device("cpu"), seconds=5.0) == 0.5
    assert len(calls) > 3
