from dataclasses import dataclass

import pytest

from common.claims.cells import conditions, fields_of, index, misfit, said, told_apart


@dataclass(frozen=True)
class Model:
    name: str
    arguments: tuple[int, ...] = (3, 5)


@dataclass(frozen=True)
class Setting:
    name: str
    model: Model | None = None


@dataclass(frozen=True)
class Cell:
    method: str
    rate: float
    setting: Setting
    reset: bool | None = None


SMALL, LARGE = Setting("small", Model("lenet")), Setting("large", Model("vgg"))
CELLS = [
    Cell("a", 0.5, SMALL),
    Cell("a", 0.9, SMALL),
    Cell("a", 0.9, LARGE, reset=True),
    Cell("b", 0.5, SMALL),
    Cell("b", 0.99, Setting("bare")),
]


def test_fields_are_single_values_by_name_and_those_of_parts_come_last():
    wanted = {"method": "a", "rate": 0.5, "reset": None, "setting.name": "small", "setting.model.name": "lenet"}
    assert fields_of(CELLS[0]) == wanted
    assert list(fields_of(CELLS[0])) == list(wanted)
    assert fields_of(CELLS[4])["setting.model"] is None


def test_cells_are_found_by_the_values_of_fields():
    by_rate = index(CELLS, ("rate", "setting.model.name"))
    assert by_rate[0.9, "vgg"] == [CELLS[2]]
    assert by_rate[0.5, "lenet"] == [CELLS[0], CELLS[3]]
    assert (0.99, None) not in by_rate
    assert index(CELLS, ()) == {(): CELLS}
    assert index(CELLS, ("setting",)) == {}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            {"metod": "redo"},
            "there is no field 'metod'; there are method, rate, reset, setting.name, setting.model.name, setting.model",
        ),
        ({"setting": "small"}, "there is no field 'setting'; there are method, "),
        ({"method": "c"}, "method is never c; it is a, b"),
        ({"rate": 0.5, "method": "redo"}, "method is never redo; it is a, b"),
        ({"rate": "0.5"}, "rate is never '0.5'; it is 0.5, 0.9, 0.99"),
        ({"reset": False}, "reset is never false; it is null, true"),
        ({"method": "a", "rate": 0.99}, "with method = a, rate is 0.5, 0.9"),
        ({"rate": 0.9, "setting.name": "small", "method": "b"}, "with rate = 0.9, setting.name = small, method is a"),
        (
            {"setting.name": "bare", "setting.model.name": "vgg"},
            "with setting.name = bare, setting.model.name is no field",
        ),
    ],
)
def test_why_no_cell_fits(where, words):
    assert misfit(CELLS, where).startswith(words)


def test_a_cell_that_fits_has_no_misfit():
    with pytest.raises(ValueError, match=r"^1 cells fit method = b, rate = 0\.5$"):
        misfit(CELLS, {"method": "b", "rate": 0.5})


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (CELLS[:2], "they differ in rate (0.5, 0.9)"),
        (CELLS[1:3], "they differ in reset (null, true), setting.name (small, large), setting.model.name (lenet, vgg)"),
        (
            CELLS[3:],
            "they differ in rate (0.5, 0.99), setting.name (small, bare), setting.model.name (lenet), setting.model "
            "(null)",
        ),
        ([Cell("a", 0.5, Setting("s", Model("m", (i,)))) for i in (1, 2)], "they differ in no single value"),
    ],
)
def test_what_tells_cells_apart(cells, words):
    assert told_apart(cells) == words


def test_values_are_said_as_yaml_writes_them():
    values = ["word", "0.5", "true", "null", "-x", "", True, None, 0.5, 1e-05]
    assert [said(value) for value in values] == [
        "word", "'0.5'", "'true'", "'null'", "'-x'", "''", "true", "null", "0.5", "1e-05"
    ]  # fmt: skip
    assert conditions({}) == "no condition"
