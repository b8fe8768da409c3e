from common.models.architecture import (
    Architecture,
    Initialisation,
    architecture_of,
    build,
    initialisation_of,
)
from common.models.init import initialise
from common.models.lenet import lenet5_caffe, lenet_300_100
from common.models.resnet import resnet34, resnet_mini
from common.models.vgg import vgg16_d, vgg_mini
from common.models.weights import Counts, parameter_counts, weight_tensors

__all__ = [
    "Architecture",
    "Counts",
    "Initialisation",
    "architecture_of",
    "build",
    "initialisation_of",
    "initialise",
    "lenet5_caffe",
    "lenet_300_100",
    "parameter_counts",
    "resnet34",
    "resnet_mini",
    "vgg16_d",
    "vgg_mini",
    "weight_tensors",
]
