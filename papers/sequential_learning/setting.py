"""What the runs of a group share."""

from dataclasses import dataclass

from common.datasets.dataset import DataSet
from common.models.architecture import Architecture


@dataclass(frozen=True)
class Setting:
    """The network, the target data set, and how networks are trained.

    `validation` is the share of the training images that early stopping looks at, such as "1/10". `standardise` is
    False for networks that take images as they are. `precision` is that of products on a GPU.
    """

    name: str
    model: Architecture
    dataset: DataSet
    batch_size: int
    validation: str = "0"
    standardise: bool = True
    precision: str = "fp32"
