from common.models.architecture import architecture
from common.models.grouped import grouped_mlp
from papers.sequential_learning.cost import cost_of


def test_operations_of_a_network_are_counted_on_images_of_the_data_set():
    # 64 x 100 + 100 x 100 + 100 x 10 products and sums
    assert cost_of(architecture(grouped_mlp), "digits-250").operations == 2 * (6_400 + 10_000 + 1_000)
