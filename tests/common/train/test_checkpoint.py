import math
import os
import signal
import subprocess
import sys

import pytest
import torch

from common.errors import UsageError
from common.train.checkpoint import NOWHERE, Checkpoint, CheckpointFile
from common.train.state_file import SUFFIX, Owner, owner_of, read, write
from common.train.states import set_states, states

OWNER = Owner("a.paper.train", "c0de", "cpu", ("first", "second"))


def tree(file):
    return Checkpoint(file, file.tree)


@pytest.fixture
def saved(tmp_path):
    """A checkpoint file with a state in one of its parts, saved whenever a loop offers to."""
    file = CheckpointFile(tmp_path, OWNER, 0.0)
    tree(file).part("loop").save(lambda: {"weights": torch.arange(6.0).view(2, 3), "epoch": 7})
    return file


def again(tmp_path, every=0.0, owner=OWNER):
    return CheckpointFile(tmp_path, owner, every)


def test_any_state_comes_back_as_it_was(tmp_path):
    path = tmp_path / "state"
    last = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    state = {
        "plain": [1, 0.1, float("nan"), -math.inf, None, True, "name", [[]], {}],
        "tensor": {
            "mapping": torch.tensor(float("nan")),
            "tensor": torch.zeros(3, 0),
            "half": torch.ones(2).bfloat16(),
        },
        "same": [last, last, last[0], last.transpose(0, 1)],
        "kinds": [torch.tensor([True, False]), torch.tensor(2**60), torch.randn(3, dtype=torch.float64)],
    }
    write(path, OWNER, state)
    found = read(path)
    assert repr(found["plain"]) == repr(state["plain"])
    for name in ("same", "kinds"):
        for a, b in zip(found[name], state[name], strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)
    assert found["tensor"]["mapping"].isnan()
    assert found["tensor"]["tensor"].shape == (3, 0)
    assert found["tensor"]["half"].dtype == torch.bfloat16
    assert owner_of(path) == OWNER


def test_random_numbers_go_on_where_they_were(tmp_path):
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    [torch.randperm(100, generator=g) for g in generators]
    write(tmp_path / "state", OWNER, {"generators": states(generators)})
    expected = [torch.rand(5, generator=g) for g in generators]
    fresh = [torch.Generator(), torch.Generator()]
    set_states(fresh, read(tmp_path / "state")["generators"])
    assert all(torch.equal(torch.rand(5, generator=g), e) for g, e in zip(fresh, expected, strict=True))


def test_a_loop_goes_on_from_its_state_once(saved, tmp_path):
    part = tree(again(tmp_path)).part("loop")
    begun = part.begun()
    assert begun["epoch"] == 7
    assert torch.equal(begun["weights"], torch.arange(6.0).view(2, 3))
    assert part.begun() is None
    assert tree(again(tmp_path)).part("another").begun() is None


def test_results_are_saved_with_the_state_of_a_later_loop_and_end_their_own(saved, tmp_path):
    root = tree(again(tmp_path))
    root.part("loop").part("inner").finish(lambda: [1])
    root.part("loop").finish(lambda: [2])
    root.part("next").save(lambda: {"epoch": 1})
    root = tree(again(tmp_path))
    assert root.part("loop").result == [2]
    assert root.part("loop").begun() is None
    assert root.part("loop").part("inner").result is None
    assert root.part("next").begun() == {"epoch": 1}
    root.part("loop").clear()
    assert root.part("loop").result is None


def test_nothing_is_kept_in_memory_between_saves(saved):
    assert saved.tree == {"parts": {"loop": {}}}


def test_nowhere_finds_and_keeps_nothing():
    part = NOWHERE.part("loop")
    part.save(lambda: pytest.fail("a state was asked for"))
    part.finish(lambda: pytest.fail("a result was asked for"))
    assert part.begun() is part.result is None
    assert NOWHERE.node == {}


@pytest.mark.parametrize("every", [None, 3600.0])
def test_nothing_is_saved_before_it_is_due(tmp_path, every):
    file = again(tmp_path, every)
    tree(file).part("loop").save(lambda: pytest.fail("a state was asked for"))
    assert not file.path.exists()


def test_a_group_that_has_just_begun_names_its_jobs_and_overwrites_nothing(saved, tmp_path):
    other = again(tmp_path, None, Owner("a.paper.train", "c0de", "cpu", ("third",)))
    other.begin()
    assert owner_of(other.path).jobs == ("third",)
    assert read(other.path) == {}
    file = again(tmp_path)
    file.begin()
    assert tree(again(tmp_path)).part("loop").begun()["epoch"] == 7


def test_other_jobs_and_another_device_have_another_file():
    names = {
        Owner("run", "code", device, jobs).name
        for device in ("cpu", "cuda")
        for jobs in (("a", "b"), ("b", "a"), ("a",), ("ab",))
    }
    assert len(names) == 8


def test_a_half_written_file_counts_as_none(saved, tmp_path, capsys):
    whole = saved.path.read_bytes()
    for length in (0, 4, 8, 9, len(whole) // 2, len(whole) - 1):
        saved.path.write_bytes(whole[:length])
        assert again(tmp_path).tree == {}
        assert f"damaged checkpoint {saved.path}: " in capsys.readouterr().err


def test_no_byte_changes_unnoticed(saved):
    whole = saved.path.read_bytes()
    for i in range(len(whole)):
        saved.path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        if whole[i : i + 1] == b" ":  # fills the header up
            continue
        with pytest.raises(ValueError, match=r"."):
            read(saved.path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}", b"\x02" + b"\0" * 7 + b"[]"])
def test_a_file_that_names_no_owner_says_so(tmp_path, content):
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        owner_of(tmp_path / "state")


@pytest.mark.parametrize("fault", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(saved, tmp_path, monkeypatch, fault):
    before = saved.path.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fault, fail)
    with pytest.raises(UsageError, match=f"^{saved.path} cannot be written: No space left on device$"):
        tree(saved).part("loop").save(lambda: {"epoch": 8})
    assert saved.path.read_bytes() == before
    assert os.listdir(tmp_path) == [saved.path.name]


def test_a_process_that_dies_between_writing_and_renaming_leaves_the_old_checkpoint(saved, tmp_path):
    code = f"""
import os, signal
from pathlib import Path
from common.train.checkpoint import Checkpoint, CheckpointFile
from common.train.state_file import Owner
file = CheckpointFile(Path({str(tmp_path)!r}), Owner("a.paper.train", "c0de", "cpu", ("first", "second")), 0.0)
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
Checkpoint(file, file.tree).part("loop").save(lambda: {{"epoch": 8}})
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert tree(again(tmp_path)).part("loop").begun()["epoch"] == 7


def test_a_checkpoint_is_a_file_that_safetensors_reads(saved):
    from safetensors.torch import load_file

    assert torch.equal(load_file(saved.path)["0"], torch.arange(6.0).view(2, 3))
    assert saved.path.suffix == SUFFIX
