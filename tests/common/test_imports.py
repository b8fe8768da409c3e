import importlib
import sys

import pytest

from common import imports
from common.imports import code_fingerprint, import_closure

FILES = {
    "toypkg/__init__.py": "",
    "toypkg/run.py": '"""Run."""\nfrom toypkg import middle\n\nimport json\n\n\ndef run():\n    """Do it."""\n'
    "    return middle.middle() + 1  # one more\n",
    "toypkg/middle.py": "from toypkg.deep.leaf import LEAF\n\n\ndef middle():\n    return LEAF\n",
    "toypkg/deep/__init__.py": "",
    "toypkg/deep/leaf.py": "LEAF = 7\n",
    "toypkg/late.py": "LATE = 1\n",
    "toypkg/unrelated.py": "NOTHING = 0\n",
}


@pytest.fixture
def fingerprint(tmp_path, monkeypatch):
    """Return a function that writes the toy package with some files changed, and fingerprints its `run`."""
    monkeypatch.setattr(imports, "PROJECT_PACKAGES", ("toypkg",))
    monkeypatch.syspath_prepend(tmp_path)

    def of(**changed):
        for name, text in FILES.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(changed.get(path.stem, text))
        forget()
        return code_fingerprint("toypkg.run")

    yield of
    forget()


def forget():
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.split(".")[0] == "toypkg"]:
        del sys.modules[name]
    for cached in (imports._source, imports._code, imports.imported_by, imports._is_module):
        cached.cache_clear()


RUN, MIDDLE, LEAF = (FILES[f"toypkg/{name}.py"] for name in ("run", "middle", "deep/leaf"))


def test_equal_code_has_an_equal_fingerprint(fingerprint):
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 16


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"run": RUN.replace("+ 1", "+ 2")}, id="the module"),
        pytest.param({"run": RUN.replace("run()", "run(x=1)")}, id="a default"),
        pytest.param({"run": RUN + "\n\nrun.limit = 3\n"}, id="a line outside functions"),
        pytest.param({"middle": MIDDLE.replace("return LEAF", "return -LEAF")}, id="what it imports"),
        pytest.param({"leaf": "LEAF = 8\n"}, id="what that imports"),
        pytest.param({"leaf": 'LEAF = "7"\n'}, id="a text for a number"),
        pytest.param({"run": RUN.replace("    return", "    import toypkg.late\n    return")}, id="one more import"),
    ],
)
def test_changed_code_has_another_fingerprint(fingerprint, changed):
    assert fingerprint(**changed) != fingerprint()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"run": RUN.replace("# one more", "# and one")}, id="comment"),
        pytest.param({"run": RUN.replace("Do it.", "Do it,\n\n    in more words.\n    ")}, id="docstring"),
        pytest.param({"run": RUN.replace('"""Run."""\n', "")}, id="no docstring of the module"),
        pytest.param({"run": RUN.replace('    """Do it."""\n', "")}, id="no docstring of the function"),
        pytest.param(
            {"run": RUN.replace("middle.middle() + 1", "(\n        middle.middle()+1\n    )")}, id="formatting"
        ),
        pytest.param({"leaf": "# why seven\n\n\nLEAF = (7)\n"}, id="comment in what it imports"),
        pytest.param({"unrelated": "NOTHING = 1\n"}, id="a module that it does not import"),
    ],
)
def test_words_and_formatting_do_not_count(fingerprint, changed):
    assert fingerprint(**changed) == fingerprint()


def test_docstrings_of_classes_do_not_count_but_texts_that_are_used_do(fingerprint):
    code = RUN + '\n\nclass Kind:\n    """A."""\n\n    name = "a"\n'
    assert fingerprint(run=code) == fingerprint(run=code.replace('"""A."""', '"""B."""'))
    assert fingerprint(run=code) != fingerprint(run=code.replace('"a"', '"b"'))


def test_an_import_inside_a_function_counts(fingerprint):
    late = RUN.replace("    return", "    from toypkg.late import LATE\n    return")
    assert fingerprint(run=late) != fingerprint(run=late, late="LATE = 2\n")
    assert fingerprint() == fingerprint(late="LATE = 2\n")


def test_modules_that_import_each_other_are_followed_once(fingerprint):
    circle = {"leaf": "LEAF = 7\n\nimport toypkg.middle\n"}
    assert fingerprint(**circle) != fingerprint(**circle, middle=MIDDLE + "\nX = 1\n")


def test_a_module_without_source_is_named(fingerprint):
    with pytest.raises(ModuleNotFoundError, match=r"toypkg\.gone"):
        fingerprint(run="import toypkg.gone\n")


def test_the_projects_own_modules_are_followed():
    names = import_closure("common.claims.judge")
    assert {"common.claims.statistics", "common.claims.results", "common.errors"} <= names
    assert not any(name.split(".")[0] in ("numpy", "tests") for name in names)
