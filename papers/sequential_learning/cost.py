"""What the networks of this package cost on the images of a data set, for the plan."""

from common.models.architecture import Architecture
from common.plan.network_cost import NetworkCost, architecture_cost
from papers.sequential_learning.data import facts_of


def cost_of(model: Architecture, dataset: str) -> NetworkCost:
    """Return what a network costs on the images of a data set, for the plan."""
    return architecture_cost(model, facts_of(dataset).shape)
