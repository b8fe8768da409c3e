import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINE = "has no wheel: its packages have generic names (common, papers), and the expectations stay in the checkout"


@pytest.fixture
def refusals(monkeypatch):
    """Return what builds of a version were refused with, by the hook that pyproject.toml names and a stand-in app."""
    parent = "hatchling.builders.hooks.plugin.interface"
    for end in range(1, 1 + len(parent.split("."))):
        name = ".".join(parent.split(".")[:end])
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules[parent].BuildHookInterface = type("BuildHookInterface", (), {})
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    path = ROOT / settings["targets"]["wheel"]["hooks"]["custom"]["path"]
    spec = importlib.util.spec_from_file_location("editable_only", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def build(version):
        said = []
        hook = module.EditableOnly()
        hook.app = SimpleNamespace(abort=said.append)
        hook.initialize(version, {})
        return said

    return build


def test_a_wheel_is_refused_in_one_line_that_says_why_and_what_to_do(refusals):
    (line,) = refusals("standard")
    assert LINE in line
    assert line.endswith("install it from there, editable: pip install -e .")
    assert "\n" not in line
    assert refusals("another") == [line]


def test_an_editable_installation_passes(refusals):
    assert refusals("editable") == []


def test_the_builder_itself_refuses_wheels(tmp_path, capfd):
    wheel = pytest.importorskip("hatchling.builders.wheel")
    builder = wheel.WheelBuilder(str(ROOT))
    with pytest.raises(SystemExit) as ended:
        list(builder.build(directory=str(tmp_path), versions=["standard"]))
    assert ended.value.code == 1
    assert list(tmp_path.iterdir()) == []
    assert LINE in capfd.readouterr().err
