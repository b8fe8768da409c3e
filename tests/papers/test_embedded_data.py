"""The data sets that come with the suite are the same today, tomorrow and on every machine.

All of smoke, its claims and its accepted runs rest on them, and none of them has a published sum to be held against.
Should one of these fingerprints change, its data have changed: another split, another stream of random numbers, another
release of scikit-learn or torch. Then every smoke result is of other data, and the accepted runs are to be made anew.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.datasets import load
from common.datasets.digits import DIGITS, DIGITS_28
from common.datasets.procedural import PROCEDURAL_10, PROCEDURAL_40, procedural
from common.datasets.templates import TEMPLATES, templates
from papers.fast.data import DIGITS_0_4, DIGITS_5_9, DIGITS_ROTATED, GRATINGS
from papers.plasticity.data import DIGITS_RELABELLED
from papers.sequential_learning.data import DIGITS_250, DIGITS_1000

NOWHERE = Path("no data needed")
MADE = {
    dataset.name: dataset
    for dataset in (
        DIGITS,
        DIGITS_28,
        PROCEDURAL_10,
        PROCEDURAL_40,
        TEMPLATES,
        DIGITS_RELABELLED,
        DIGITS_250,
        DIGITS_1000,
        DIGITS_ROTATED,
        DIGITS_0_4,
        DIGITS_5_9,
        GRATINGS,
    )
}

# Their values are sixteenths, bytes, or (digits28) so far from where float32 rounds the other way that no processor's
# arithmetic changes a bit.
EXACT = {
    "digits": "201897b3f3ee6da9c330853dcba0763e106d0556474db022a163ddd1a94186bf",
    "digits28": "ae9c5810f376c26258e045905aa82d92f69fe5a47cd7d0a1064ed0dba5ba7e17",
    "procedural10": "13797888e2e33afebac694281467fe8e76c224e9d0393c5f81aa2f678ef7731c",
    "procedural40": "61cb5d1b24f454203066cd49c7daf5157e71dd142dc512ee07917efbc61348ae",
    "digits-relabelled": "de61916c20fccf497ad403116e8a87a3679288f247928998f413f7e55b144fd2",
    "digits-250": "f0a00cde517150778490c60afc2d06afbcc5ff8503c4a1857946947a1dd0934e",
    "digits-1000": "d8fdb4a2c2b539e4699f4237458a6ed5e230773a75207fd423e1d1fff67a66e6",
}

# These are computed in floating point, of which another processor may round the last bits otherwise: to about three
# decimals, in steps of which no float32 lies on the border between two.
ROUNDED = {
    "templates": "91415a135bd06fd4e3ef6e67f927ec0fa3c442754cb893b2abce36a32dc0902b",
    "digits-rotated": "7a330059562714b4bad37023659aa426447ec3f0958c82f4cb2e6673950d41b7",
    "gratings": "c92894d2a2976957c06c12bedf063af991a17f159f59ecb631b4f3cfb5f3f8b8",
}


def parts_of(name):
    """Return training images and labels, test images and labels."""
    data = load(MADE[name], NOWHERE)
    return data.train_images, data.train_labels, data.test_images, data.test_labels


def rounded(tensors):
    digest = hashlib.sha256()
    for tensor in tensors:
        steps = (tensor.double() * 997).round().long()
        digest.update(f"{tuple(tensor.shape)}".encode() + steps.numpy().astype("<i8").tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", EXACT)
def test_a_data_set_is_bit_for_bit_what_it_always_was(name):
    assert load(MADE[name], NOWHERE).fingerprint == EXACT[name]


@pytest.mark.parametrize("name", ROUNDED)
def test_a_data_set_is_to_three_decimals_what_it_always_was(name):
    assert rounded(parts_of(name)) == ROUNDED[name]


@pytest.mark.parametrize("name", MADE)
def test_no_image_is_there_twice_so_none_is_trained_on_and_tested_on(name):
    train, _, test, _ = parts_of(name)
    assert len(torch.cat([train, test]).flatten(1).unique(dim=0)) == len(train) + len(test)


def test_test_images_are_drawn_after_the_training_images_and_not_from_their_stream_again():
    """Streams of equal length that begin alike are alike to the end, so equally many images would be the same ones."""
    gratings = load(replace(GRATINGS, train=60, test=60), NOWHERE)
    sets = procedural(4, 6, 6), procedural(40, 3, 3), templates(6, 6, noise=0.5), gratings
    for train, test in ((data.train_images, data.test_images) for data in sets):
        assert train.shape == test.shape
        same = (train[:, None] == test[None]).flatten(2).all(2)
        assert not same.any()
        assert (train.double() - test.double()).abs().flatten(1).amax(1).min() > 0
