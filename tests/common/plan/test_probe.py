import errno
import json
import os
from pathlib import Path

import pytest
import torch

from common.errors import UsageError
from common.plan import probe
from common.plan.cost import Rate, Speeds
from common.run.call import Environment

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
        lambda text: text.replace('"large": 1000000000.0', '"large": 1000000.0'),  # as large as the small one
        lambda text: text.replace("5000000000.0", "1e308"),
        lambda text: text.replace("5000000000.0", "1" + "0" * 400),
        lambda text: text.replace('"date": "', '"date": 7, "when": "'),
        lambda text: "[" * 100_000 + "]" * 100_000,
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


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE])
def test_a_file_that_cannot_be_read_is_one_line_and_left_alone(kept, monkeypatch, number):
    path = kept / "probe.json"
    before = path.read_bytes()

    def read_bytes(self):
        raise OSError(number, os.strerror(number), str(self))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", read_bytes)
        for reading in (probe.cached, probe.probe):
            with pytest.raises(UsageError) as caught:
                reading(CPU, kept)
            assert str(caught.value) == f"{path} cannot be read: {os.strerror(number)}; it is left as it is"
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "measure", lambda environment: pytest.fail("measured in vain"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        probe.probe(CPU, tmp_path / "file")
