import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from common import atomic
from common.cli import main
from common.report.figures import draw
from tests import conftest


def picture():
    from matplotlib.figure import Figure  # only once the style is set, as papers do it

    found = Figure(figsize=(2.0, 1.0))
    found.subplots().plot([0, 1], label="a")
    return found


def failing():
    raise ValueError("no such\nseries")


def test_a_figure_that_fails_costs_a_line_and_no_other_figure(tmp_path, capsys):
    paths = draw([("first", picture), ("second", failing), ("third", picture)], tmp_path)
    assert [path.name for path in paths] == ["first.png", "third.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "third.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert capsys.readouterr().err == "figure second could not be drawn: ValueError: no such series\n"


def test_a_figure_that_cannot_be_written_costs_a_line(tmp_path, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert draw([("first", picture)], tmp_path) == []
    line = f"figure first could not be drawn: UsageError: {tmp_path}/first.png cannot be written: No space left on"
    assert capsys.readouterr().err.startswith(line)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_is_no_failure_of_a_figure(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw([("first", interrupted)], tmp_path)


def test_a_failing_figure_changes_neither_verdicts_nor_reports_nor_the_code(toy_package, tmp_path, capsys, monkeypatch):
    package, _ = toy_package
    monkeypatch.setattr("common.cli.workers_on", lambda device: 1)
    seen = []

    def late():
        seen.append(capsys.readouterr().out)
        seen.append((tmp_path / "results/smoke/toy-report/report.json").exists())
        return picture()

    own = replace(package, figures=lambda results: [("late", late), ("broken", failing)])
    assert main(own, ["--results", str(tmp_path / "results")]) == 0
    assert "gate: passes" in seen[0]
    assert "toy/order" in seen[0]
    assert seen[1], "the reports are written before figures are drawn"
    captured = capsys.readouterr()
    assert captured.out.endswith("report.md, 1 figures beside it\n")
    assert "figure broken could not be drawn: ValueError: no such series" in captured.err
    conftest.BROKEN.add(("a", 0))
    assert main(own, ["--results", str(tmp_path / "others")]) == 1


SCRIPT = """
import sys
from pathlib import Path
from common.report.figures import draw
from tests.common.report.test_figures import picture
sys.exit(len(draw([("first", picture)], Path(sys.argv[1]))) - 1)
"""


@pytest.mark.parametrize(
    ("backend", "settings"),
    [
        ("module://not.there", ""),
        ("nonsense", ""),
        (None, "text.usetex: True\nbackend: TkAgg\nfont.family: fantasy\nsavefig.format: pdf\nfigure.dpi: 9\n"),
    ],
)
def test_no_setting_of_a_user_reaches_a_figure(tmp_path, backend, settings):
    (tmp_path / "matplotlibrc").write_text(settings)
    names = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    names |= {"MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    names |= {"MPLBACKEND": backend} if backend else {}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=names, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    draw([("expected", picture)], tmp_path)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_the_environment_and_the_style_are_put_back(tmp_path, monkeypatch):
    import matplotlib

    monkeypatch.setenv("MPLBACKEND", "module://not.there")
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 7.0)
    seen = []
    draw([("first", lambda: seen.append(matplotlib.rcParams["lines.linewidth"]) or picture())], tmp_path)
    assert os.environ["MPLBACKEND"] == "module://not.there"
    assert matplotlib.rcParams["lines.linewidth"] == 7.0
    assert seen == [matplotlib.rcParamsDefault["lines.linewidth"]]
    assert atomic.read(tmp_path / "first.png")
