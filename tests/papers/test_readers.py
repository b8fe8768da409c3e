"""What jobs train on is part of the code they rest on, and what they do not train on is not."""

import importlib
import pkgutil
from functools import partial

import pytest

import common.datasets
from common.datasets import DataSet, loading
from common.experiment import Tier
from common.imports import import_closure as closure
from common.package import find_packages


def module_of(dataset):
    """Return the module that reads a data set."""
    read = dataset.read
    return read.func.__module__ if isinstance(read, partial) else read.__module__


def declares(name):
    return any(isinstance(value, DataSet) for value in vars(importlib.import_module(name)).values())


READERS = {
    each.name for each in pkgutil.iter_modules(common.datasets.__path__, "common.datasets.") if declares(each.name)
}


def declared(package):
    """Yield all data sets that a package's cells name, and those that they are made of."""
    for experiment in package.experiments:
        for tier in Tier:
            for cell in experiment.grid(tier).cells:
                for dataset in loading._named(cell):
                    yield dataset
                    while isinstance(dataset.read, partial) and isinstance(dataset.read.args[0], DataSet):
                        dataset = dataset.read.args[0]
                        yield dataset


def test_every_reader_stands_alone():
    assert len(READERS) == 11
    assert not READERS & closure("common.datasets")
    for reader in READERS:
        assert closure(reader) & READERS == {reader}


@pytest.mark.parametrize("package", find_packages(), ids=lambda package: package.name)
def test_a_job_rests_on_no_reader_of_a_data_set_that_its_package_does_not_use(package):
    used = set().union(*(closure(module_of(dataset)) for dataset in declared(package))) & READERS
    for experiment in package.experiments:
        assert closure(experiment.procedure.run.__module__) & READERS <= used, experiment.name
    assert used
