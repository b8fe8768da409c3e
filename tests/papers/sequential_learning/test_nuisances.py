import pytest

from common.datasets.digits import DIGITS
from papers.sequential_learning.nuisances import ALIASED, PATHS, equal_positions, tasks_along
from papers.sequential_learning.path import Process, Task


def along(path, count):
    return tasks_along(path, equal_positions(count), DIGITS)


@pytest.mark.parametrize(
    ("count", "at_32", "at_28"),
    [
        (2, [8, 32], [7, 28]),
        (4, [8, 16, 24, 32], [7, 14, 21, 28]),
        (6, [8, 13, 18, 22, 27, 32], [7, 11, 15, 20, 24, 28]),
        (8, [8, 11, 15, 18, 22, 25, 29, 32], [7, 10, 13, 16, 19, 22, 25, 28]),
        (10, [8, 11, 13, 16, 19, 21, 24, 27, 29, 32], [7, 9, 12, 14, 16, 19, 21, 23, 26, 28]),
    ],
)
def test_the_sides_of_blurred_images(count, at_32, at_28):
    shares = [task.blur for task in along("blur", count)]
    assert [round(32 * share) for share in shares] == at_32
    assert [round(28 * share) for share in shares] == at_28


@pytest.mark.parametrize(
    ("count", "factors"),
    [
        (2, [0.1, 1.0]),
        (4, [0.1, 0.4, 0.7, 1.0]),
        (6, [0.1, 0.28, 0.46, 0.64, 0.82, 1.0]),
        (8, [0.1 + 0.9 * k / 7 for k in range(8)]),
        (10, [0.1 + 0.1 * k for k in range(10)]),
    ],
)
def test_the_levels_of_contrast(count, factors):
    assert [task.contrast for task in along("contrast", count)] == pytest.approx(factors)


@pytest.mark.parametrize(
    ("count", "shares"),
    [(2, [1, 0]), (4, [1, 2 / 3, 1 / 3, 0]), (6, [1, 0.8, 0.6, 0.4, 0.2, 0]), (8, [1 - k / 7 for k in range(8)])],
)
def test_the_widths_of_shifts_as_shares_of_the_widest(count, shares):
    assert [task.shift / 0.5 for task in along("shift", count)] == pytest.approx(shares)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", [2, 3, 4, 6, 8, 10])
def test_every_path_leads_from_all_its_nuisances_to_the_plain_target(path, count):
    tasks = along(path, count)
    assert len(tasks) == count
    assert tasks[-1] == Task(DIGITS)
    source = {"blur": 0.25, "contrast": 0.1, "shift": 0.5}
    plain = {"blur": 1.0, "contrast": 1.0, "shift": 0.0}
    removed = {nuisance for leg in PATHS[path] for nuisance in leg}
    levels = {n: (source if n in removed else plain)[n] for n in source}
    assert tasks[0] == Task(DIGITS, **levels, antialias=path != ALIASED)


def test_paths_of_two_nuisances():
    def levels(path, other):
        return [(round(task.blur, 3), round(getattr(task, other), 3)) for task in along(path, 5)]

    assert levels("blur-then-contrast", "contrast") == [(0.25, 0.1), (0.625, 0.1), (1, 0.1), (1, 0.55), (1, 1)]
    assert levels("contrast-then-blur", "contrast") == [(0.25, 0.1), (0.25, 0.55), (0.25, 1), (0.625, 1), (1, 1)]
    assert levels("blur-with-contrast", "contrast") == [
        (0.25, 0.1),
        (0.438, 0.325),
        (0.625, 0.55),
        (0.812, 0.775),
        (1, 1),
    ]
    assert levels("shift-then-blur", "shift") == [(0.25, 0.5), (0.25, 0.25), (0.25, 0), (0.625, 0), (1, 0)]
    assert levels("blur-then-shift", "shift") == [(0.25, 0.5), (0.625, 0.5), (1, 0.5), (1, 0.25), (1, 0)]
    corner_between = [(round(task.blur, 9), round(task.contrast, 9)) for task in along("blur-then-contrast", 4)]
    assert corner_between == [(0.25, 0.1), (0.75, 0.1), (1, 0.4), (1, 1)]


@pytest.mark.parametrize("count", [1, 0, -3])
def test_fewer_than_two_tasks_are_refused(count):
    with pytest.raises(ValueError, match="at least 2"):
        equal_positions(count)


@pytest.mark.parametrize("positions", [[], [0.0], [0.0, 0.5], [0.1, 1.0], [0.0, 0.5, 0.5, 1.0], [0.0, 0.7, 0.3, 1.0]])
def test_positions_that_do_not_lead_from_source_to_target_are_refused(positions):
    with pytest.raises(ValueError, match="from the source at 0 to the target at 1"):
        tasks_along("blur", positions, DIGITS)


def test_an_unknown_path_is_refused():
    with pytest.raises(ValueError, match="no path 'rotate'; there are blur"):
        tasks_along("rotate", [0.0, 1.0], DIGITS)


@pytest.mark.parametrize(
    "wrong", [{"blur": 0.0}, {"blur": 1.2}, {"contrast": -0.1}, {"shift": 1.5}, {"share": 0.0}], ids=str
)
def test_levels_that_do_not_exist_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Task(DIGITS, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"rate": 0.0}, {"epochs": 0}, {"weight_decay": -1.0}, {"decay": 0.0}, {"decay": 1.1}], ids=str
)
def test_processes_that_do_not_train_are_refused(wrong):
    with pytest.raises(ValueError, match="a process trains"):
        Process(**{"rate": 0.1, "epochs": 1, "weight_decay": 0.0, **wrong})
