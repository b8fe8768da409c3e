import math

import numpy as np
import pytest
import torch

from papers.sequential_learning.frozen_weights.fisher import fisher_score, sensitivity


def one_dimensional():
    """Means 0, 5 and 10; population variances 1, 4 and 100."""
    return torch.tensor([-1.0, 3.0, 20.0, 1.0, 7.0, 0.0]).reshape(1, 6, 1), torch.tensor([0, 1, 2, 0, 1, 2])


def cross(mean, first, second):
    """Four points with this mean and the population covariance first first^T + second second^T."""
    return [
        [m + s * math.sqrt(2.0) * a for m, a in zip(mean, axis, strict=True)]
        for axis in (first, second)
        for s in (-1, 1)
    ]


def random_case(runs=3):
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0] * 5 + [1] * 7 + [2] * 4 + [3] * 9)[torch.randperm(25, generator=generator)]
    return torch.randn(runs, 25, 6, generator=generator, dtype=torch.float64) + labels[:, None], labels


def by_hand(features, labels, classes):
    scores = []
    for a in range(classes):
        for b in range(a + 1, classes):
            first, second = features[labels == a], features[labels == b]
            w = second.mean(0) - first.mean(0)
            within = np.cov(first.T, bias=True) + np.cov(second.T, bias=True)
            scores.append((w @ w) ** 2 / (w @ within @ w))
    return np.mean(scores)


def test_two_classes_in_one_dimension_score_squared_distance_over_the_sum_of_variances():
    features, labels = one_dimensional()
    assert fisher_score(features[:, labels < 2], labels[labels < 2], 2).tolist() == [25 / 5]


def test_three_classes_score_the_mean_over_three_pairs():
    features, labels = one_dimensional()
    assert fisher_score(features, labels, 3).tolist() == pytest.approx([(25 / 5 + 100 / 101 + 25 / 104) / 3], rel=1e-14)


def test_two_dimensions_use_the_covariance_along_the_distance_of_the_means():
    # Covariances [[2, 1], [1, 3]] and the identity, means (2, 1) apart: 25 / (15 + 5).
    points = cross((1.0, 1.0), (math.sqrt(2.0), math.sqrt(0.5)), (0.0, math.sqrt(2.5)))
    points += cross((3.0, 2.0), (1.0, 0.0), (0.0, 1.0))
    found = fisher_score(torch.tensor([points], dtype=torch.float64), torch.tensor([0] * 4 + [1] * 4), 2)
    assert found.tolist() == pytest.approx([1.25], rel=1e-13)


def test_runs_score_together_what_each_scores_alone_and_what_plain_covariances_give():
    features, labels = random_case()
    together = fisher_score(features, labels, 4)
    alone = torch.cat([fisher_score(run[None], labels, 4) for run in features])
    assert torch.allclose(together, alone, rtol=1e-14)
    assert together.tolist() == pytest.approx([by_hand(run.numpy(), labels.numpy(), 4) for run in features], rel=1e-12)
    assert len(set(together.tolist())) == 3


def test_score_does_not_change_when_features_are_scaled_shifted_or_turned():
    features, labels = random_case()
    plain = fisher_score(features, labels, 4)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).Q
    for changed in (1e-3 * features, -7.0 * features, features + 100.0, features @ turn):
        assert torch.allclose(fisher_score(changed, labels, 4), plain, rtol=1e-11)


def test_score_grows_when_classes_move_apart_and_shrinks_when_they_widen():
    features, labels = random_case()
    means = torch.stack([features[:, labels == c].mean(1) for c in range(4)], dim=1)[:, labels]
    plain = fisher_score(features, labels, 4)
    assert torch.allclose(fisher_score(features + means, labels, 4), 4.0 * plain)
    assert torch.allclose(fisher_score(3.0 * features - 2.0 * means, labels, 4), plain / 9.0)


def test_score_is_in_double_precision_for_features_far_from_zero():
    features, labels = one_dimensional()
    found = fisher_score((features + 4096.0).float(), labels, 3)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(fisher_score(features, labels, 3).tolist(), rel=1e-12)


def test_classes_that_do_not_occur_are_left_out():
    features, labels = one_dimensional()
    assert fisher_score(features, 2 * labels + 1, 10).tolist() == fisher_score(features, labels, 3).tolist()


def test_no_variance_makes_the_score_infinite_and_no_distance_makes_it_nan():
    labels = torch.tensor([0, 1, 0, 1])
    assert fisher_score(torch.tensor([1.0, 2.0, 1.0, 2.0]).reshape(1, 4, 1), labels, 2).tolist() == [math.inf]
    assert fisher_score(torch.ones(1, 4, 1), labels, 2).isnan().all()
    assert fisher_score(torch.tensor([0.0, 0.0, 2.0, 2.0]).reshape(1, 4, 1), labels, 2).isnan().all()


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((4, 2), [0, 1, 0, 1], r"features \[4, 2\] and labels \[4\] are not"),
        ((1, 4, 2), [0, 1, 0], r"features \[1, 4, 2\] and labels \[3\] are not"),
        ((1, 4, 2), [[0, 1, 0, 1]], r"labels \[1, 4\] are not"),
        ((1, 4, 2), [2, 2, 2, 2], "1 of 3 occur"),
        ((1, 0, 2), [], "0 of 3 occur"),
        ((1, 4, 2), [0, 1, 2, 3], "from 0 to 3 do not name 3 classes"),
        ((1, 4, 2), [0, 1, 2, -1], "from -1 to 2 do not name 3 classes"),
    ],
)
def test_fisher_score_refuses(shape, labels, message):
    with pytest.raises(ValueError, match=message):
        fisher_score(torch.zeros(shape), torch.tensor(labels, dtype=torch.long), 3)


def test_sensitivity_of_a_linear_network_is_the_mean_norm_of_what_the_step_does():
    images = torch.tensor([[[0.0, 0.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 5.0]]])
    moved = images + torch.tensor([[[3.0, 2.0], [0.0, 0.0]], [[0.0, -1.0], [1.0, 0.0]]])
    weight = torch.diag(torch.tensor([1.0, 2.0]))
    found = sensitivity(lambda x: x @ weight, images, moved, 0.5)
    assert found.tolist() == pytest.approx([(5.0 + 0.0) / 2, (2.0 + 1.0) / 2])


def test_sensitivity_is_the_derivative_at_the_images_themselves():
    images, moved = torch.tensor([[[[3.0]], [[-1.0]]]]), torch.tensor([[[[5.0]], [[0.0]]]])
    found = sensitivity(lambda x: x.flatten(2).square(), images, moved, 0.25)
    assert found.tolist() == [(2 * 3.0 * 2.0 + 2 * 1.0 * 1.0) / 2]


def test_sensitivity_asks_the_network_twice_and_keeps_no_graph():
    weight, calls = torch.ones(2, 2, requires_grad=True), []

    def logits_of(x):
        calls.append(x)
        return x @ weight

    images = torch.zeros(1, 3, 2)
    found = sensitivity(logits_of, images, images + 1.0, 0.1)
    assert not found.requires_grad
    assert len(calls) == 2
    assert torch.equal(calls[0], -calls[1])


def test_sensitivity_refuses_shapes_that_differ_and_steps_that_are_not_positive():
    images = torch.zeros(1, 3, 2)
    with pytest.raises(ValueError, match="differ in shape"):
        sensitivity(lambda x: x, images, torch.zeros(1, 1, 2), 0.1)
    for step in (0.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="it is positive"):
            sensitivity(lambda x: x, images, images, step)
