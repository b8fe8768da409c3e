"""The code of a mask: by hand, there and back, near the entropy, the same bytes for ever, and safe to read."""

import base64
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from common.models import initialise, lenet_300_100, weight_tensors
from papers.freezenet.mask_code import decode, encode
from papers.freezenet.masks import apply_pruning
from papers.freezenet.storage import VERSION, load, save
from tests.papers.freezenet.test_storage import assert_same_bits

Mask = npt.NDArray[np.bool_]


def mask_of(*trained: int, size: int) -> Mask:
    mask = np.zeros(size, bool)
    mask[list(trained)] = True
    return mask


def counts(*masks: Mask) -> list[tuple[int, int]]:
    return [(int(mask.sum()), mask.size) for mask in masks]


def bits(code: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in code)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        # 3 of 14: m = floor(0.693 * 14 / 3 + 0.153) = 3; remainders 0 in one bit, 1 and 2 in two.
        # The gaps 2, 0, 7 are 0, 0, 2 times 3 and 2, 0, 1: quotients 1 1 001, first bits 1 0 1, last bits 1 . 0.
        (mask_of(2, 3, 11, size=14), "1100110110000000"),
        # 2 of 8: m = 2, and each remainder takes one bit: the gaps 1 and 5 are 0 and 2 times 2 and 1 and 1.
        (mask_of(1, 7, size=8), "10011100"),
        # 3 of 8: 0.693 * 8 / 3 + 0.153 is 2.002, so m = 2, and the gaps are 0 and 1, 2 and 1, and 0 and 0.
        (mask_of(1, 5, 6, size=8), "10111100"),
        # Half of them: m = 1, and the code is the mask up to its last trained entry.
        (mask_of(0, 2, 3, 4, size=8), "10111000"),
        # Most of them: the frozen entries' gaps are coded.
        (~mask_of(1, 7, size=8), "10011100"),
        (mask_of(size=9), ""),
        (~mask_of(size=9), ""),
    ],
)
def test_codes_by_hand(mask: Mask, expected: str) -> None:
    assert bits(encode([mask])) == expected
    (found,) = decode(encode([mask]), counts(mask))
    assert found.tolist() == mask.tolist()


def test_masks_follow_one_another_without_a_gap() -> None:
    first, second = mask_of(2, 3, 11, size=14), mask_of(1, 7, size=8)
    assert bits(encode([first, second])) == "1100110110100111"
    assert [found.tolist() for found in decode(encode([first, second]), counts(first, second))] == [
        first.tolist(),
        second.tolist(),
    ]


@example([[False] * 99 + [True], [True] * 3, [False], [], [True, False]])
@given(st.lists(st.lists(st.booleans(), max_size=60), max_size=5))
def test_masks_come_back(lists: list[list[bool]]) -> None:
    masks = [np.array(own, bool) for own in lists]
    assert [found.tolist() for found in decode(encode(masks), counts(*masks))] == lists


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 0.999, 1.0])
def test_random_masks_take_little_more_than_their_entropy(share: float) -> None:
    mask = np.random.default_rng(0).random(200_000) < share
    code = encode([mask])
    (found,) = decode(code, counts(mask))
    assert (found == mask).all()
    p = mask.mean()
    entropy = 0.0 if p in (0, 1) else mask.size * -(p * math.log2(p) + (1 - p) * math.log2(1 - p)) / 8
    assert 0.97 * entropy <= len(code) <= 1.015 * entropy + 1, "the sample's entropy is not its distribution's"


@pytest.mark.parametrize("share", [0.27, 0.3, 0.35, 0.38, 0.385, 0.4, 0.45])
def test_between_a_quarter_and_a_half_the_code_is_at_most_five_percent_longer(share: float) -> None:
    mask = np.random.default_rng(0).random(200_000) < share
    p = mask.mean()
    assert len(encode([mask])) < 1.05 * mask.size * -(p * math.log2(p) + (1 - p) * math.log2(1 - p)) / 8


# What version 2 stores of the network and masks below: the mask's bytes in hexadecimal, and the file, compressed.
GOLDEN_VERSION = 2
GOLDEN_CODE = (
    "aa954aa5555554aa552aaaaaaaa954aa5555554aa552a95555552a954aaaaaaaaa552a95555552a954aaaaaaaaa552a95555552a954aa5"
    "555554aa7fff7bfffbdefffef7ffff7bfffbdefffef7fff7bdfffdeffffef7f11100222000444008888011100022200444000888011110"
    "02292db6db496db6da4b6db6805652d2d67c567c567c567c567c567c567c5652d2d67c567c567c567c567c567c567c5652d2d67c567c56"
    "7c567c567c567c56055542aaa15556dadb6b6dadb4b6d2db5b6d6db5b696da5b696dadb6ead56ab555556ab55aaaaaaab550"
)
GOLDEN_FILE = (
    "eNrtjs1rE0EYxqdVocfmJoggc7Ns6cx+dLq5KNIUmoJIyOTQJSyb3YlJ29nA7gaxrRg99Swkd4UeutKb2Yv6NwjFSk3AP0AU0YM9iK5vBIs3Qa"
    "/zGx7ed55nPt6VSqm0frNUnUZfEUI72Iv8VjsRftKNBC7iLRGKxDUIcSkhWIP4dleKMIlx0XFw2JWuv+XFsYixZtQ1B7dDtym8yWVwzHpdw7Hf"
    "EnLyVCeceDgWIsBFpuFm1NkWIQTbIurg33s3bnm6tQi2zmzSYCaxqE09thToTDdMKwiYb1j2IiPCE4QK4uusaRp0CU7YNqFUmE07sE1mwJNJ5L"
    "XDyXeOrlPNohq1YUosvXjTbdxNYJ6iTq17ab+8z3k15XNpmh5A5by8XzmAMtcvgwVBn/MKJMBZ8OvK/Xwn//Yu/3GanzWnL/Pvn6D5XED4Clq+"
    "PrPXK8xCe34ZzexNFWanr85n41WZjdZk1qtVjt7s1v5cfzMu8BvpY14bjTfl4bPsaOxIOcwGI6ctD7P3xxtDzjeG6zDn8BZCvWtKSkpKSkpK/y"
    "KFQqFQKP6P/sfX1fHDR+fuvGg8eXXy9O3xZTQYXHwuTxYefJi6RL78BN1pJjc="
)


def golden_masks() -> dict[str, Tensor]:
    """Return masks with much, little and most to train: 221 of 1,200, 51 of 30,000 and 193 of 300."""
    weights = weight_tensors(lenet_300_100(num_classes=3, in_features=4))
    counts_of = dict(zip(weights, (221, 51, 193), strict=True))
    masks = {}
    for name, weight in weights.items():
        order = (torch.arange(weight.numel()) * 7919 % 10_007).argsort(stable=True)
        masks[name] = torch.zeros(weight.numel(), dtype=torch.bool)
        masks[name][order[: counts_of[name]]] = True
        masks[name] = masks[name].view(weight.shape)
    return masks


def test_the_bytes_of_a_mask_and_of_a_file_belong_to_the_format_version(tmp_path: Path) -> None:
    """Where this fails, what was stored can no longer be read: `storage.VERSION` must rise, and the constants follow.

    Frozen weights are zero and the others one, so that no random number of any platform has a say.
    """
    model, mask = lenet_300_100(num_classes=3, in_features=4), golden_masks()
    initialise(model, "ones", 7)
    apply_pruning(model, mask)
    save(tmp_path / "now", model, 7, mask)
    code = encode([part.numpy().ravel() for part in mask.values()])
    assert VERSION == GOLDEN_VERSION
    assert code.hex() == GOLDEN_CODE
    golden = zlib.decompress(base64.b64decode(GOLDEN_FILE))
    assert (tmp_path / "now").read_bytes() == golden
    (tmp_path / "then").write_bytes(golden)
    assert_same_bits(load(tmp_path / "then"), model)


@pytest.mark.parametrize(
    ("code", "of", "message"),
    [
        (b"", (1, 9), "too short"),
        (b"\x00", (2, 8), "too short"),
        (b"\xc0", (3, 14), "too short"),
        (encode([mask_of(2, 3, 11, size=14)])[:1], (3, 14), "too short"),
        (encode([mask_of(2, 3, 11, size=14)]) + b"\0", (3, 14), "too long"),
        (b"\xff\xff", (3, 14), "too long"),
        (b"\x01\x80", (1, 8), "not there"),
        (b"\x07\x80", (4, 8), "not there"),  # entries 5 to 8 of eight that begin at 0
    ],
)
def test_bytes_that_are_no_code_are_refused(code: bytes, of: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^the mask cannot be decoded: it .*{message}$"):
        decode(code, [of])


@given(st.binary(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=3))
def test_any_bytes_are_refused_or_masks_of_the_stated_counts(code: bytes, numbers: list[tuple[int, int]]) -> None:
    stated = [(trained, trained + frozen) for trained, frozen in numbers]
    try:
        masks = decode(code, stated)
    except ValueError as error:
        assert "the mask cannot be decoded" in str(error)  # noqa: PT017  # both outcomes are right
    else:
        assert counts(*masks) == stated
        assert encode(masks) == code, "no mask has two codes"
