import pytest

from common.claims.results import Results
from common.experiment import Metrics, Replicates, Tier
from common.report.figures import draw
from common.run.record import Record
from papers.freezenet.figures import FIGURES, Plot, drawings
from papers.freezenet.reproduce import EXPERIMENTS
from tests.conftest import study_of

SHOWN = {e.name: e for e in EXPERIMENTS if e.name in {plot.experiment for plot in FIGURES}}
SCALARS = {plot.metric for plot in FIGURES if isinstance(plot, Plot)}
CURVES = {plot.curve for plot in FIGURES if not isinstance(plot, Plot)}


def results(*names):
    replicates = Replicates(0, 2)
    jobs = [job for name in names for job in SHOWN[name].jobs(Tier.SMOKE, replicates)]
    records = {}
    for number, job in enumerate(jobs):
        scalars = dict.fromkeys(SCALARS, 0.5 + 0.001 * number) | {"q_beta": 0.9}
        records[job] = Record(Metrics(scalars, {key: [0.1, 0.2 + 0.001 * number] for key in CURVES}), 1.0, {})
    return Results(study_of(*(SHOWN[name] for name in names), replicates=replicates), records)


def test_complete_records_give_one_picture_a_figure(tmp_path):
    paths = draw(drawings(results(*SHOWN)), tmp_path)
    assert [path.name for path in paths] == [f"{plot.experiment}.png" for plot in FIGURES]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


@pytest.mark.parametrize("name", ["fig2_left", "fig4_right"])
def test_a_missing_record_leaves_its_figure_out(name, tmp_path):
    found = results(name)
    found.records.popitem()
    assert draw(drawings(found), tmp_path) == []
