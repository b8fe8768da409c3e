"""The table of what checks can decide, and its exit code."""

import pytest

from common.tools import power


@pytest.fixture
def toy(toy_package, monkeypatch):
    package, path = toy_package
    monkeypatch.setattr(power, "find_packages", lambda named=(): [package])
    return path


def lines(capsys, *arguments):
    """Return the exit code and what is printed."""
    code = power.main(["--tier", "smoke", *arguments])
    return code, capsys.readouterr().out.splitlines()


def test_every_check_with_chance_in_it_is_listed(toy, capsys):
    code, found = lines(capsys)
    assert code == 0
    assert [line.split()[:8] for line in found[2:4]] == [
        [f"toy/{kind}", "smoke", kind, "5", "100", "%", "100", "%"] for kind in ("order", "value")
    ]
    assert found[-2:] == ["0 of 2 checks say that they are undecidable", "0 of 2 checks cannot decide"]


def test_what_cannot_decide_comes_first_and_fails(toy, capsys):
    toy.write_text(toy.read_text().replace("margin: 0.02", "margin: 0.0001"))
    code, found = lines(capsys)
    assert code == 1
    assert found[2].split()[:4] == ["toy/value", "smoke", "value", "5"]
    assert found[2].endswith("it is shown in 0 % where true, and 80 % are the least")
    assert found[-1] == "1 of 2 checks cannot decide"


def test_what_says_that_it_is_undecidable_is_listed_with_its_reason_and_fails_nothing(toy, capsys):
    text = toy.read_text().replace("gate: no-deviation", "gate: none\n      undecidable: the paper ran once")
    toy.write_text(text.replace("margin: 0.02", "margin: 0.0001"))
    code, found = lines(capsys)
    assert code == 0
    assert found[2].endswith("undecidable: the paper ran once")
    assert found[-2:] == ["1 of 2 checks say that they are undecidable", "0 of 2 checks cannot decide"]


def test_what_lacks_an_assumption_is_listed_before_all_others(toy, capsys):
    text = toy.read_text()
    assumed = next(line for line in text.splitlines(keepends=True) if "assumed" in line)
    toy.write_text(text.replace(assumed, ""))
    code, found = lines(capsys)
    assert code == 1
    assert found[2].split()[:8] == ["toy/order", "smoke", "order", "5", "-", "-", "-", "-"]
    assert "its power is not known" in found[2]


def test_expectations_that_are_not_sound_are_named(toy, capsys):
    toy.write_text(toy.read_text().replace("kind: value", "kind: valeu"))
    assert power.main([]) == 2
    assert "expected one of value, order" in capsys.readouterr().err
