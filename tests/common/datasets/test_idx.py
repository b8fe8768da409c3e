import struct

import pytest

from common.datasets import load
from common.datasets.emnist import EMNIST_LETTERS
from common.datasets.mnist import FASHION_MNIST, KMNIST, MNIST
from common.datasets.problems import CorruptError, MissingError
from tests.common.datasets.writers import LETTERS, pack, write_any_idx, write_letters, write_mnist


@pytest.mark.parametrize("name", ["KMNIST", "EMNIST"])
def test_a_changed_pixel_of_a_file_without_a_sum_is_read_as_it_is(tmp_path, name):
    write_mnist(tmp_path / "KMNIST" / "raw")
    write_letters(tmp_path)
    file = "train-images-idx3-ubyte" if name == "KMNIST" else LETTERS.format("train", "images-idx3")
    path = tmp_path / name / "raw" / file
    dataset = {"KMNIST": KMNIST, "EMNIST": EMNIST_LETTERS}[name]
    load(dataset, tmp_path)
    content = bytearray(path.read_bytes())
    content[16] ^= 1  # the first pixel, after the header
    path.write_bytes(content)
    data = load(dataset, tmp_path)
    assert data.train_images[0, 0, 0, 0] == content[16]


SETS = {"mnist": MNIST, "fashion_mnist": FASHION_MNIST, "kmnist": KMNIST, "emnist_letters": EMNIST_LETTERS}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("which", [slice(0, 4), slice(0, 1), slice(3, 4)])
def test_packed_files_are_read_as_they_are(tmp_path, name, which):
    folder = write_any_idx(tmp_path, name)
    unpacked = load(SETS[name], tmp_path)
    for file in sorted(folder.iterdir())[which]:
        pack(file)
    before = sorted(folder.iterdir())
    assert load(SETS[name], tmp_path).fingerprint == unpacked.fingerprint
    assert sorted(folder.iterdir()) == before, "reading leaves nothing behind"


def test_an_unpacked_file_goes_before_a_packed_one(tmp_path):
    folder = write_any_idx(tmp_path, "mnist")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip file")
    load(MNIST, tmp_path)


@pytest.mark.parametrize("name", ["kmnist", "emnist_letters"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda old: old[:-9], "Compressed file ended"),
        (lambda old: b"", "is no IDX file"),
        (lambda old: b"no gzip file", "Not a gzipped file"),
        (lambda old: old[:200] + bytes(200) + old[400:], "."),
        (lambda old: old[:-8] + bytes(8), "CRC check failed"),
    ],
)
def test_a_damaged_packed_file_is_refused(tmp_path, name, damage, why):
    folder = write_any_idx(tmp_path, name)
    for file in list(folder.iterdir()):
        pack(file)
    (file,) = folder.glob("*train-images*")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CorruptError, match=f"'{name}' is corrupt: {folder}: .*{why}"):
        load(SETS[name], tmp_path)


def test_a_file_that_is_there_in_neither_form_is_named_unpacked(tmp_path):
    folder = write_any_idx(tmp_path, "kmnist")
    for file in list(folder.iterdir()):
        pack(file)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingError, match=f"there is no {folder / 't10k-labels-idx1-ubyte'};"):
        load(KMNIST, tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 28, 28) + bytes(2 * 784 - 1), r"1567 bytes, where .* \[2, 28, 28\]"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 28, 28) + bytes(2 * 784 + 1), r"1569 bytes, where .* \[2, 28, 28\]"),
        (b"\0\0\x08\x01" + struct.pack(">I", 784) + bytes(784), "no IDX file of bytes in 3 dimensions"),
        (b"\0\0\x09\x03" + struct.pack(">3I", 1, 28, 28) + bytes(784), "no IDX file of bytes in 3 dimensions"),
        (b"\1\0\x08\x03" + struct.pack(">3I", 1, 28, 28) + bytes(784), "no IDX file of bytes in 3 dimensions"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 28, 28), "no IDX file of bytes in 3 dimensions"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 1 << 31, 1 << 31, 1 << 31) + bytes(9), "9 bytes, where"),
    ],
)
def test_an_idx_file_of_another_format_or_length_is_refused(tmp_path, content, why):
    folder = write_any_idx(tmp_path, "kmnist")
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(CorruptError, match=f"train-images-idx3-ubyte .*{why}"):
        load(KMNIST, tmp_path)
