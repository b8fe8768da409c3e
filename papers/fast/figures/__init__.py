"""The paper's plots, from records: mean over seeds with the 95 % confidence band of that mean."""

from collections.abc import Iterator, Sequence
from functools import partial

from common.claims.results import Results
from common.report import figures
from common.report.figures import Drawing, Plot
from papers.fast.figures.curves import Column, Curves, Row, paint
from papers.fast.figures.series import arm, asymmetric, frozen_or_free, of_rates, optimizer, start, symmetric, warm_up
from papers.fast.settings import Cell

TARGET = Row("target_adp", "target ADP")
SOURCE = Row("source_adp", "source ADP")
NORM = Row("norm", r"$\ln\,\|W\|_F$", logarithm=True)
VALIDATION = Row("validation_accuracy", "validation accuracy", "validations")
SCALED = (Column("both rates scaled", symmetric), Column(r"only $\beta$ scaled", asymmetric))
MAGNIFIED = (Column("first steps", between=(0, 2 / 3), width=2), Column("late steps, magnified", between=(2 / 3, 1)))

FIGURES: tuple[Curves, ...] = (
    Curves("fig3", "fig3_fig4", (TARGET, SOURCE), start, ordered=True),
    Curves("fig4", "fig3_fig4", (NORM,), start, ordered=True),
    Curves("fig5", "fig5", (TARGET, SOURCE), start, ordered=True),
    Curves("fig6", "fig6", (TARGET,), frozen_or_free),
    Curves("fig7", "fig7", (VALIDATION, TARGET), warm_up, one_seed=True),
    Curves("fig8", "fig8", (TARGET, NORM), of_rates, SCALED),
    Curves("fig9", "fig9", (TARGET, NORM), of_rates, SCALED),
    Curves("equal_rates", "equal_rates", (TARGET, SOURCE), of_rates),
    Curves("search", "search", (TARGET, SOURCE), arm),
    Curves("fig10", "fig10", (TARGET, SOURCE), arm),
    Curves("fig11", "fig11", (TARGET, SOURCE), arm),
    Curves("fig12", "fig12", (TARGET, SOURCE), arm),
    Curves("fig13", "fig13", (TARGET, SOURCE), optimizer),
    Curves("note20", "note20", (TARGET, SOURCE), arm),
    Curves("fig14", "table1_cifar100", (TARGET,), arm, MAGNIFIED),
    Curves("fig15", "table1_caltech256", (TARGET,), arm, MAGNIFIED),
)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiment has all its records, a picture for each of its settings."""
    return figures.drawings(plots(results), results)


def plots(results: Results) -> Iterator[Plot]:
    """Yield a plot for each setting of every figure whose experiment was asked for."""
    for figure in FIGURES:
        if figure.experiment in results.experiments:
            for setting in dict.fromkeys(cell.setting.name for cell in results.grid(figure.experiment).cells):
                yield plot(figure, setting)


def plot(figure: Curves, setting: str) -> Plot:
    """Return the plot of a figure in one of its settings."""
    return Plot(
        f"{figure.name}-{setting.replace('/', '-')}",
        (figure.experiment,),
        partial(paint, figure),
        shows=partial(of_setting, setting),
        seeds=1 if figure.one_seed else None,
    )


def of_setting(setting: str, cells: Sequence[Cell]) -> list[Cell]:
    """Return the arms of a setting."""
    return [cell for cell in cells if cell.setting.name == setting]
