import pytest

from common.code_hash import ROOT
from common.errors import UsageError
from common.package import find_packages


def test_every_folder_with_a_reproduce_is_a_package():
    folders = {path.parent.name for path in (ROOT / "papers").glob("*/reproduce.py")}
    assert {package.name for package in find_packages()} == folders


def test_a_package_is_found_by_its_folder():
    assert [package.name for package in find_packages(["papers/freezenet/"])] == ["freezenet"]
    assert [package.name for package in find_packages(["papers/fast", "papers/fast/"])] == ["fast"]


def test_an_unknown_paper_is_refused_with_those_that_exist():
    with pytest.raises(UsageError, match=r"unknown paper 'papers/nosuch'; there are: .*papers/freezenet"):
        find_packages(["papers/nosuch"])
