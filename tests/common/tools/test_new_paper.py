import shutil
import subprocess
import sys

import pytest

from common.code_hash import ROOT
from common.errors import UsageError
from common.tools import new_paper
from common.tools.new_paper import LONGEST, main, write

NAME = "warm_starts_again"


def test_a_package_its_claims_and_its_tests_are_written(tmp_path):
    paths = {path.relative_to(tmp_path).as_posix() for path in write(NAME, "Warm starts again", tmp_path)}
    assert {
        f"papers/{NAME}/reproduce.py",
        f"expectations/{NAME}.yaml",
        f"tests/papers/{NAME}/test_training.py",
    } <= paths
    assert paths == {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    for path in paths:
        text = (tmp_path / path).read_text()
        assert "$" not in text
        assert "NAME" not in path + text


@pytest.mark.parametrize("name", ["", "Upper", "two words", "3d", "class", "a-b", "../up", "a" * (LONGEST + 1)])
def test_what_is_no_name_of_a_package_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="is no name for a package"):
        write(name, "A title", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_title_that_would_break_the_files_is_refused(tmp_path):
    with pytest.raises(UsageError, match="leave out quotes and backslashes"):
        write(NAME, "It's", tmp_path)


@pytest.mark.parametrize("taken", [f"papers/{NAME}", f"tests/papers/{NAME}", f"expectations/{NAME}.yaml"])
def test_nothing_is_overwritten(taken, tmp_path):
    (tmp_path / taken).mkdir(parents=True)
    with pytest.raises(UsageError, match=f"{taken} is there already"):
        write(NAME, "A title", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_command_says_what_it_wrote_and_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(new_paper, "ROOT", tmp_path)
    assert main([NAME]) == 0
    out = capsys.readouterr().out
    assert f"papers/{NAME}/training.py\n" in out
    assert f"nox -s smoke -- papers/{NAME}" in out
    assert "papers: \n" not in out
    assert f"  {NAME}: 'Warm starts again'" in (tmp_path / "expectations" / f"{NAME}.yaml").read_text()
    assert main([NAME]) == 2


def test_what_is_written_passes_its_own_tests_and_smoke_as_it_stands(tmp_path):
    for folder in ("common", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "papers"))
    for folder in ("papers", "tests/papers"):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / folder / "__init__.py", tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write(NAME, "Warm starts again", tmp_path)

    def python(*arguments):
        done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    python("-m", "pytest", "-q", f"tests/papers/{NAME}")
    out = python("-m", f"papers.{NAME}.reproduce", "--tier", "smoke", "--results", str(tmp_path / "results"))
    assert "gate: passes, none of 1 gating claims fails" in out
    assert "1 figures beside it" in out
