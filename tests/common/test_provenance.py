import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from common import provenance


def test_provenance_is_plain_and_says_what_ran():
    import json

    found = provenance.provenance()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"commit", "dirty", "versions", "machine"}
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["versions"]["torch"] == torch.__version__  # with the build: one for CUDA and one without differ
    assert set(found["machine"]) == {"system", "processor", "capability", "cores", "threads", "variables"}
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["capability"] == torch.backends.cpu.get_cpu_capability()


def test_the_system_is_named_without_the_kernels_release(monkeypatch):
    system = provenance.provenance()["machine"]["system"]
    assert system.startswith(f"{platform.system()} {platform.machine()}")
    assert platform.release() not in system
    for libc, name in ((("glibc", "2.36"), "Linux x86_64 glibc 2.36"), (("", ""), "Linux x86_64")):
        monkeypatch.setattr(platform, "system", lambda: "Linux")
        monkeypatch.setattr(platform, "machine", lambda: "x86_64")
        monkeypatch.setattr(platform, "libc_ver", lambda libc=libc: libc)
        assert provenance.provenance.__wrapped__()["machine"]["system"] == name


def test_variables_that_choose_kernels_are_recorded_where_they_are_set(monkeypatch):
    for name in provenance.DISPATCH:
        monkeypatch.delenv(name, raising=False)
    assert provenance.provenance.__wrapped__()["machine"]["variables"] == {}
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = provenance.provenance.__wrapped__()["machine"]["variables"]
    assert found == {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "AVX2"}


EPYC = (
    "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel name\t: other\n"
)
NEOVERSE = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (EPYC, "AMD EPYC (family 25, model 17)"),
        (EPYC.replace("17", "1"), "AMD EPYC (family 25, model 1)"),
        (NEOVERSE, "abacus (implementer 0x41, part 0xd0c)"),
        ("", "abacus"),
        (None, "abacus"),
    ],
)
def test_processors_of_one_name_are_told_apart(monkeypatch, text, name):
    def read(self, **options):
        if text is None:
            raise FileNotFoundError(self)
        return text

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert provenance._processor() == name


def test_without_git_the_commit_is_unknown(monkeypatch):
    def missing(*arguments, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(provenance.subprocess, "run", missing)
    found = provenance.provenance.__wrapped__()
    assert (found["commit"], found["dirty"]) == ("unknown", "unknown")


def git(folder, *arguments):
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of one commit that stands for this one."""
    for name in ("common", "papers", "results"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("here")
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.email", "nobody@example.org")
    git(tmp_path, "config", "user.name", "nobody")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "all")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def test_a_checkout_as_committed_is_clean_whatever_lies_beside_the_code(checkout):
    (checkout / "results" / "record.json").write_text("{}")
    found = provenance.provenance.__wrapped__()
    assert len(found["commit"]) == 40
    assert found["dirty"] is False


@pytest.mark.parametrize("file", ["common/file", "papers/new.py", "common/new/__init__.py", "expectations/x.yaml"])
def test_changed_and_untracked_code_is_dirty(checkout, file):
    (checkout / file).parent.mkdir(exist_ok=True)
    (checkout / file).write_text("changed")
    assert provenance.provenance.__wrapped__()["dirty"] is True


def test_a_copy_inside_another_repository_does_not_report_its_commit(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", checkout / "papers")
    found = provenance.provenance.__wrapped__()
    assert (found["commit"], found["dirty"]) == ("unknown", "unknown")


def test_where_git_refuses_to_say_the_state_is_unknown_not_clean(checkout, monkeypatch):
    ask = provenance._git
    monkeypatch.setattr(provenance, "_git", lambda *a: None if a[0] == "status" else ask(*a))
    found = provenance.provenance.__wrapped__()
    assert (found["commit"], found["dirty"]) == ("unknown", "unknown")
