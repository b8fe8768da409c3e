"""Every exact property is measured: it holds, and the measurement shows where it does not."""

from dataclasses import replace

import pytest
import torch

from common.models.weights import weight_tensors
from papers.freezenet import algorithm1, random_images, storage
from papers.freezenet.algorithm1 import (
    ALGORITHM1,
    MASKS,
    forward_difference,
    forward_passes,
    identity_error,
    mask_properties,
    rate_properties,
    storage_properties,
    training_properties,
)
from papers.freezenet.random_images import LENET_300_100, VGG_MINI, Case, Cell, case, two_steps
from tests.measured import of_smoke

CELL = Cell(LENET_300_100, "freezenet", 0.99)


@pytest.fixture
def found():
    return case(CELL, 0)


def moved(tensors, name, index, by):
    """Return tensors with one entry of one of them moved."""
    changed = {key: value.clone() for key, value in tensors.items()}
    changed[name].view(-1)[index] += by
    return changed


@pytest.mark.parametrize("cell", [CELL, Cell(VGG_MINI, "freezenet", 0.99)])
def test_a_score_that_is_no_derivative_by_its_mask_is_seen(cell):
    found = case(cell, 0)
    assert identity_error(found) < 1e-5
    name = list(found.scores)[1]
    largest = max(float(score.abs().max()) for score in found.scores.values())
    for by in (0.5 * largest, -0.5 * largest):
        assert identity_error(replace(found, scores=moved(found.scores, name, 3, by))) == pytest.approx(0.5, abs=1e-4)


def test_forward_passes_are_counted(found, monkeypatch):
    assert forward_passes(found) == 1
    once = algorithm1.snip_scores
    monkeypatch.setattr(algorithm1, "snip_scores", lambda *of: (once(*of), once(*of)))
    assert forward_passes(found) == 2


def test_a_network_that_computes_something_else_than_the_dense_one_is_seen(found):
    assert forward_difference(CELL, found) == 0.0
    with torch.no_grad():
        found.model.linear3.bias[2] -= 0.5
    assert forward_difference(CELL, found) == pytest.approx(0.5, rel=1e-5)


def ranked(mask, scores=(-9.0, 1.0, 8.0, -7.0, 2.0, 3.0), rate=0.5):
    """A network of two tensors, with 4 and 2 scores; at rate 0.5, -9, 8 and -7 train, and a guard weight."""
    split = {"a": torch.tensor(scores[:4]), "b": torch.tensor(scores[4:])}
    masks = {"a": torch.tensor(mask[:4], dtype=torch.bool), "b": torch.tensor(mask[4:], dtype=torch.bool)}
    return mask_properties(Case(None, 0, split, masks, None, None, rate))


def test_a_mask_against_the_ranking():
    held = {"kept_beyond_k": 0, "ranking_violations": 0, "least_trainable_of_a_layer": 1, "tied_share_kept": 1.0}
    assert ranked([1, 0, 1, 1, 0, 1]) == {**held, "guard_weights": 1}
    assert ranked([1, 0, 1, 0, 0, 1], rate=0.6, scores=(-9.0, 1.0, 8.0, 7.0, 2.0, 3.0)) == {**held, "guard_weights": 1}
    found = ranked([1, 0, 1, 1, 1, 0], scores=(-9.0, 1.0, 8.0, 2.0, 7.0, 3.0))
    assert (found["kept_beyond_k"], found["ranking_violations"], found["guard_weights"]) == (0, 1, 1), "one in no need"
    assert ranked([1, 0, 1, 1, 1, 1])["ranking_violations"] == 1, "two guard weights"
    assert ranked([1, 0, 1, 0, 0, 1])["ranking_violations"] == 1, "one of the highest is frozen"
    assert ranked([1, 0, 1, 0, 0, 1])["kept_beyond_k"] == -1
    assert ranked([1, 0, 1, 1, 0, 0])["least_trainable_of_a_layer"] == 0, "no guard"
    tied = ranked([1, 0, 1, 1, 0, 1], scores=(-9.0, 7.0, 8.0, -7.0, 2.0, 3.0))
    assert tied["ranking_violations"] == 1, "one that ties with the threshold is frozen"


def test_ties_that_are_frozen_are_seen(monkeypatch):
    monkeypatch.setattr(algorithm1, "freezing_mask", lambda scores, rate: {n: s > 1 for n, s in scores.items()})
    assert ranked([1, 0, 1, 1, 0, 1])["tied_share_kept"] == 0.0


def test_rates_are_held_against_what_two_steps_leave_alone(found, monkeypatch):
    rates = algorithm1.freezing_rates(found.model, found.mask)
    start = two_steps(found)
    held = rate_properties(found, start)
    kept = sum(int(mask.sum()) for mask in found.mask.values())
    assert (held["q_error"], held["q_beta_error"]) == (0.0, 0.0)
    assert held["gradients_saved"] == pytest.approx(1 - (kept + 410) / 266_610)
    assert held["q_minus_q_beta"] == pytest.approx((1 - kept / 266_200) - (1 - (kept + 410) / 266_610))
    assert held["q_minus_q_beta"] > 0
    wrong = replace(rates, q=rates.q - 0.25, q_beta=rates.q_beta + 0.125)
    monkeypatch.setattr(algorithm1, "freezing_rates", lambda *of: wrong)
    assert rate_properties(found, start)["q_error"] == pytest.approx(0.25)
    assert rate_properties(found, start)["q_beta_error"] == pytest.approx(0.125)
    monkeypatch.undo()
    state = {name: value.clone() for name, value in found.model.state_dict().items()}
    place = int((~found.mask["linear2.weight"]).flatten().nonzero()[0])
    found.model.load_state_dict(moved(state, "linear2.weight", place, 0.5))
    assert rate_properties(found, start)["q_error"] == pytest.approx(1 / 266_200), "a frozen weight that moved"
    assert rate_properties(found, start)["gradients_saved"] == pytest.approx(held["gradients_saved"] - 1 / 266_610)


def test_a_network_that_comes_back_otherwise_is_seen(found, monkeypatch):
    saved, load, save = [], storage.load, storage.save

    def spy(path, model, seed, mask):
        saved.append({name: weight.detach().clone() for name, weight in weight_tensors(model).items()})
        return save(path, model, seed, mask)

    def damaged(path):
        model = load(path)
        with torch.no_grad():
            model.linear3.bias[2] -= 0.5
        return model

    monkeypatch.setattr(storage, "save", spy)
    two_steps(found)
    held = storage_properties(found)
    assert held["roundtrip_difference"] == 0.0
    assert 0.0 < held["pruned_file_difference"] < 0.005
    frozen, pruned = saved
    for name, mask in found.mask.items():
        assert frozen[name][~mask].all()
        assert not pruned[name][~mask].any()
        assert torch.equal(frozen[name][mask], pruned[name][mask])
    monkeypatch.setattr(storage, "load", damaged)
    assert storage_properties(found)["roundtrip_difference"] == pytest.approx(0.5, rel=1e-5)


def test_a_network_that_only_its_seed_rebuilds_is_seen(found, monkeypatch):
    monkeypatch.setattr(storage, "load", lambda path: case(CELL, 0).model)
    assert storage_properties(found)["roundtrip_difference"] == 0.0, "what is not trained is in the seed"
    two_steps(found)
    assert storage_properties(found)["roundtrip_difference"] > 1e-3


@pytest.mark.parametrize("added", [-1, 1])
def test_a_file_of_another_size_is_seen_whichever_is_larger(added, found, monkeypatch):
    sizes = iter((1_000, 1_000 + 10 * added))
    save = storage.save
    monkeypatch.setattr(storage, "save", lambda *of: (save(*of), next(sizes))[1])
    assert storage_properties(found)["pruned_file_difference"] == pytest.approx(0.01)


def test_frozen_weights_that_move_and_biases_that_do_not_are_seen(found, monkeypatch):
    trained = case(CELL, 0)
    assert training_properties(trained, two_steps(trained)) == {"frozen_change": 0.0, "unmoved_bias_tensors": 0}

    def one_frozen_weight_moves(runs, recipe, images, labels):
        (run,) = runs
        assert recipe.epochs == 2
        assert (recipe.optimizer.momentum, recipe.optimizer.weight_decay) == (0.9, 5e-4)
        weight = run.model.linear2.weight
        with torch.no_grad():
            weight.view(-1)[int((~run.mask["linear2.weight"]).flatten().nonzero()[0])] -= 0.25
            weight.view(-1)[int(run.mask["linear2.weight"].flatten().nonzero()[0])] += 7.0
            run.model.linear1.bias += 1.0

    monkeypatch.setattr(random_images, "fit", one_frozen_weight_moves)
    start = two_steps(found)
    assert training_properties(found, start) == {"frozen_change": pytest.approx(0.25), "unmoved_bias_tensors": 2}


@pytest.mark.parametrize("rate", [0.99, 0.9999])
def test_every_mask_property_holds_and_at_the_last_rate_the_guard_acts(rate):
    found = of_smoke(MASKS, freezing_rate=rate, setting=LENET_300_100)
    assert found["kept_beyond_k"] == found["ranking_violations"] == 0
    assert found["least_trainable_of_a_layer"] >= 1
    assert (found["guard_weights"] > 0) == (rate > 0.999)
    assert found["tied_share_kept"] == 1.0


def test_algorithm_1_is_measured_before_it_is_trained():
    found = of_smoke(ALGORITHM1, freezing_rate=0.9, setting=LENET_300_100)
    assert found["forward_difference"] == found["frozen_change"] == found["roundtrip_difference"] == 0.0
    assert found["unmoved_bias_tensors"] == 0
    assert found["file_kilobytes"] == pytest.approx(120.2, abs=2.0)
