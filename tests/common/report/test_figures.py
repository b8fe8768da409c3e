import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from common import atomic
from common.claims.results import Results
from common.cli import main
from common.experiment import Experiment, Grid, Metrics, Procedure, Replicates, Tier
from common.report import figures
from common.report.axes import one_panel
from common.report.figures import Plot, draw, drawings
from common.run.record import Record
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


@dataclass(frozen=True)
class Setting:
    name: str


@dataclass(frozen=True)
class Cell:
    setting: Setting
    arm: str


PROCEDURE = Procedure("training", conftest.never, {}, conftest.never)
MLP, CNN, OTHER = Setting("digits/mlp"), Setting("digits/cnn"), Setting("photos/cnn")
TABLE = Experiment("table", "A Paper, Table 1", PROCEDURE, smoke=Grid((Cell(MLP, "a"), Cell(MLP, "b")), 2))
FIG = Experiment("fig", "A Paper, Fig. 2", PROCEDURE, smoke=Grid((Cell(CNN, "a"),), 2))
PHOTOS = Experiment("photos", "A Paper, Fig. 3", PROCEDURE, smoke=Grid((Cell(OTHER, "a"),), 2))


def results(*experiments, first=0, **faulty):
    """Return the results of experiments; those of an arm with a fault are what the fault says."""
    replicates = Replicates(first)
    jobs = [job for experiment in experiments for job in experiment.jobs(Tier.SMOKE, replicates)]
    records = {job: Record(faulty.get(job.cell.arm, Metrics({"loss": 0.5})), 1.0, {}) for job in jobs}
    return Results(conftest.study_of(*experiments, replicates=replicates), records)


def paint(figure, arms):
    axes = one_panel(figure)
    for cell, runs in arms.items():
        axes.plot(list(runs), [own.scalars["loss"] for own in runs.values()], label=cell.arm)


def title(plot, found):
    return figures.picture(plot, found).get_suptitle()


def test_figures_whose_experiments_are_all_complete_are_drawn():
    plots = [Plot("one", ("table",), paint), Plot("two", ("table", "fig"), paint), Plot("three", ("fig",), paint)]
    assert [name for name, _ in drawings(plots, results(TABLE, FIG))] == ["one", "two", "three"]
    assert [name for name, _ in drawings(plots, results(TABLE))] == ["one"]
    found = results(TABLE, FIG)
    found.records.pop(TABLE.jobs(Tier.SMOKE, found.study.replicates)[-1])
    assert [name for name, _ in drawings(plots, found)] == ["three"]


def test_a_title_says_what_was_run_and_names_what_sources_share_once():
    assert title(Plot("one", ("table",), paint), results(TABLE)) == "A Paper, Table 1\ndigits/mlp, smoke, seeds 0 to 1"
    both = Plot("two", ("table", "fig"), paint)
    assert title(both, results(TABLE, FIG, first=7)) == "A Paper, Table 1 and Fig. 2\ndigits, smoke, seeds 7 to 8"
    apart = Plot("two", ("table", "photos"), paint)
    assert title(apart, results(TABLE, PHOTOS)) == "A Paper, Table 1 and Fig. 3\nsmoke, seeds 0 to 1"


def test_a_figure_of_the_first_seed_says_so():
    assert title(Plot("one", ("fig",), paint, seeds=1), results(FIG)).endswith("smoke, seed 0")


def test_runs_without_the_metric_are_left_out_and_counted():
    found = results(TABLE, a=Metrics({"loss": math.nan}), b=Metrics({}, withheld={"loss": "too little"}))
    seen = []
    plot = Plot("one", ("table",), lambda figure, arms: seen.append(arms), "loss")
    assert title(plot, found).endswith("seeds 0 to 1, 2 diverged and left out, 2 withheld and left out")
    assert [own.scalars for runs in seen[0].values() for own in runs.values()][2:] == [{}, {}]


def test_runs_of_arms_that_a_figure_does_not_show_are_not_counted():
    found = results(TABLE, a=Metrics({"loss": math.nan}))
    plot = Plot("one", ("table",), paint, "loss", lambda cells: [cell for cell in cells if cell.arm == "b"])
    assert title(plot, found).endswith("seeds 0 to 1")
    assert [text.get_text() for text in figures.picture(plot, found).legends[0].get_texts()] == ["b"]


def test_what_draws_loads_no_matplotlib_before_a_picture_is_made():
    script = "import sys\nfrom common.package import find_packages\nfind_packages()\nprint('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
