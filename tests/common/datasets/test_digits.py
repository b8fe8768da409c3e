import numpy as np
import torch
from sklearn.datasets import load_digits

from common.datasets import load
from common.datasets.digits import DIGITS, DIGITS_28


def rows(images):
    return sorted(map(tuple, images.flatten(1).tolist()))


def test_digits_are_sklearns_divided_by_16():
    data = load(DIGITS)
    assert data.train_images.shape == (1437, 1, 8, 8)
    assert data.test_images.shape == (360, 1, 8, 8)
    both = torch.cat([data.train_images, data.test_images])
    assert rows(both * 16) == sorted(map(tuple, load_digits().data.tolist()))
    assert data.train_images.dtype == torch.float32


def test_36_test_images_of_every_class_and_all_others_for_training():
    data = load(DIGITS)
    assert torch.bincount(data.test_labels).tolist() == [36] * 10
    everything = torch.bincount(torch.cat([data.train_labels, data.test_labels]))
    assert everything.tolist() == np.bincount(load_digits().target).tolist()


def test_labels_belong_to_their_images():
    data = load(DIGITS)
    label_of = dict(zip(map(tuple, load_digits().data.tolist()), load_digits().target.tolist(), strict=True))
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert [label_of[tuple(row)] for row in (images * 16).flatten(1).tolist()] == labels.tolist()


def test_split_is_the_same_at_both_sizes_and_every_time():
    small, large = load(DIGITS), load(DIGITS_28)
    assert torch.equal(small.train_labels, large.train_labels)
    assert torch.equal(small.test_labels, large.test_labels)
    assert small.fingerprint == load(DIGITS).fingerprint
    assert small.fingerprint != large.fingerprint


def test_28_is_the_bilinear_resize_of_8():
    # pixel centres: output i reads input at (i + 1/2) * 8/28 - 1/2, held within the image
    at = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(8)))
    small, large = load(DIGITS), load(DIGITS_28)
    assert large.train_images.shape == (1437, 1, 28, 28)
    expected = weights @ small.train_images.double().numpy() @ weights.T
    np.testing.assert_allclose(large.train_images.numpy(), expected, rtol=0, atol=1e-6)
