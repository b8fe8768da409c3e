"""The bits of a stored mask: Golomb's code of the gaps between its rarer entries.

Where every entry is trained with one probability, the gaps between trained entries are geometric, and of all codes that
give each gap a codeword of its own Golomb's is the shortest (Gallager and van Voorhis, 1975). With divisor m, a gap is
its quotient by m in unary, then its remainder in the fewest bits that tell m numbers apart. An arithmetic coder would
save at most 1.3 % where half of a tensor or a quarter and less is trained, and up to 5 % in between; but the libraries
that have one are not built for every platform, while this is array arithmetic with the same bits everywhere.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def encode(masks: Iterable[Mask]) -> bytes:
    """Return the code of flat masks, one after another; how many entries of each are trained is not in it.

    Of each mask it holds all quotients, then the first bits of all remainders, then the last bits of those that have
    one more. The bits that fill the last byte are zero.
    """
    return np.packbits(np.concatenate([np.zeros(0, bool), *(_encoded(mask) for mask in masks)])).tobytes()


def decode(code: bytes, counts: Iterable[tuple[int, int]]) -> list[Mask]:
    """Return a mask for each (number of trained entries, number of entries).

    Raises ValueError for bytes that are no code of such masks.
    """
    bits = np.unpackbits(np.frombuffer(code, np.uint8)).astype(bool)
    masks = []
    for trained, size in counts:
        mask, bits = _decoded(bits, trained, size)
        masks.append(mask)
    if len(bits) > 7 or bits.any():
        raise ValueError("the mask cannot be decoded: it is too long")
    return masks


def _divisor(rare: int, size: int) -> int:
    """Return the divisor m for `rare` entries among `size`: floor(ln 2 / p + 0.1534), at least 1, p = rare / size.

    The best m is the least one with (1 - p)^m + (1 - p)^(m + 1) <= 1, which this is but for a few p near a boundary.
    Whole numbers let all platforms agree.
    """
    return max(1, (693_147 * size + 153_400 * rare) // (1_000_000 * rare)) if rare else 1


def _widths(divisor: int) -> tuple[int, int]:
    """Return how many bits the shorter remainders take, and how many remainders are that short."""
    width = divisor.bit_length() - 1
    return width, 2 ** (width + 1) - divisor


def _encoded(mask: Mask) -> Mask:
    trained = int(mask.sum())
    rare = min(trained, mask.size - trained)
    divisor = _divisor(rare, mask.size)
    width, short = _widths(divisor)
    where = np.flatnonzero(mask == (rare == trained))
    quotients, remainders = np.divmod(np.diff(where, prepend=-1) - 1, divisor)
    unary = np.zeros(int(quotients.sum()) + rare, bool)
    unary[np.cumsum(quotients + 1) - 1] = True
    heads = np.where(remainders < short, remainders, (remainders + short) // 2)
    tails = (remainders + short)[heads >= short] % 2
    return np.concatenate([unary, (heads[:, None] & _places(width)).astype(bool).ravel(), tails.astype(bool)])


def _decoded(bits: Mask, trained: int, size: int) -> tuple[Mask, Mask]:
    """Return the mask at the beginning of the bits, and the bits behind it."""
    rare = min(trained, size - trained)
    divisor = _divisor(rare, size)
    width, short = _widths(divisor)
    ends = np.flatnonzero(bits)[:rare]
    head_bits, bits = _cut(bits[int(ends[-1]) + 1 if len(ends) else 0 :], rare * width)
    heads: Numbers = head_bits.reshape(rare, width) @ _places(width)
    longer = heads >= short
    tails, bits = _cut(bits, int(longer.sum()))
    remainders = heads.copy()
    remainders[longer] = 2 * heads[longer] + tails - short
    if len(ends) < rare:
        raise ValueError("the mask cannot be decoded: it is too short")
    where = np.cumsum((np.diff(ends, prepend=-1) - 1) * divisor + remainders + 1) - 1
    if rare and where[-1] >= size:
        raise ValueError("the mask cannot be decoded: it names an entry that is not there")
    mask = np.full(size, rare != trained)
    mask[where] = rare == trained
    return mask, bits


def _places(width: int) -> Numbers:
    """Return the values of the bits of a number, the highest first."""
    return 2 ** np.arange(width - 1, -1, -1, dtype=np.int64)


def _cut(bits: Mask, length: int) -> tuple[Mask, Mask]:
    if length > len(bits):
        raise ValueError("the mask cannot be decoded: it is too short")
    return bits[:length], bits[length:]
