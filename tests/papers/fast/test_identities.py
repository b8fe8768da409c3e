import pytest
import torch

from papers.fast import identities

SIZES = [(10, 16), (100, 24), (256, 8)]


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("classes", "features"), SIZES)
def test_gradients_are_those_of_the_equations(classes, features):
    found = identities.of_the_gradients(classes, features, generator())
    assert all(value < 1e-12 for value in found.values()), found


@pytest.mark.parametrize(("classes", "features"), SIZES)
def test_what_holds_at_the_start(classes, features):
    found = identities.of_the_start(classes, features, generator())
    bounds = {"small_start": 6.0, "error_norm_above_zero": None}
    assert all(value < 1e-12 for name, value in found.items() if name not in bounds), found
    assert found["small_start"] < 6.0
    assert found["error_norm_above_zero"] > 0.0


@pytest.mark.parametrize("classes", [10, 100, 256])
def test_one_over_the_number_of_classes_is_the_least_squared_norm(classes):
    found = identities.of_the_lemmas(classes, generator())
    assert found["lemma_1"] > 0.0
    assert found["lemma_2"] > 0.0
    assert found["lemma_1_equality"] < 1e-15


@pytest.mark.parametrize(("classes", "features"), SIZES)
def test_the_first_steps(classes, features):
    found = identities.of_the_steps(classes, features, generator())
    assert found["first_move"] == 0.0
    assert found["first_update"] < 1e-14
    assert found["prototype_agreement"] == 1.0
    assert found["beta_scales"] < 1e-12
    assert found["alpha_scales"] < 1e-4
    assert found["random_feedback"] > 0.99


def test_a_start_that_updates_reach_is_no_random_feedback(monkeypatch):
    monkeypatch.setattr(identities, "LARGE", 0.01)
    assert identities.of_the_steps(10, 16, generator())["random_feedback"] < 0.99
