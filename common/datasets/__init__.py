"""Data sets: each is declared in a file of its own, beside its reader, and `load` reads it."""

from common.datasets.dataset import DataSet, ImageData
from common.datasets.loading import default_folder, hashes_of, load
from common.datasets.published import Published
from common.datasets.splits import stratified_split, train_validation_split

__all__ = [
    "DataSet",
    "ImageData",
    "Published",
    "default_folder",
    "hashes_of",
    "load",
    "stratified_split",
    "train_validation_split",
]
