import hashlib
import os
import pickle
import random
import struct

import numpy as np
import pytest
import torch
from torchvision import datasets

from common.datasets import cifar, load
from common.datasets.cifar import CIFAR10, CIFAR100, read_batches, unpickle
from common.errors import UsageError
from tests.common.datasets.writers import write_cifar

SETS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def of_python_2(rows, labels):
    """The bytes that Python 2 wrote: protocol 2, byte strings as such, numpy under the name it had then."""

    def text(value):
        return b"T" + struct.pack("<i", len(value)) + value  # BINSTRING

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
    dtype += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"M" + struct.pack("<H", rows.shape[0]) + b"M" + struct.pack("<H", rows.shape[1]) + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01" + shape + dtype + b"\x89" + text(rows.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + text(b"a.png") + text("é".encode("latin1")) + b"e"
    entries = text(b"data") + array + text(b"labels") + numbers + text(b"filenames") + names
    return b"\x80\x02}(" + entries + text(b"batch_label") + text(b"training batch 1 of 5") + b"u."


ROWS = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)


def test_pickles_of_python_2_are_read_as_the_standard_library_reads_them():
    content = of_python_2(ROWS, [3, 1, 9, 0])
    expected = pickle.loads(content, encoding="latin1")
    assert np.array_equal(expected["data"], ROWS), "the test's own writer"
    found = unpickle(content)
    assert found.keys() == expected.keys()
    assert np.array_equal(found.pop("data"), expected.pop("data"))
    assert found == expected


def batch(folder, content, name="data_batch_1"):
    (folder / name).write_bytes(content)
    return [(name, hashlib.md5(content).hexdigest())]


def test_images_and_labels_are_those_of_a_batch_of_python_2(tmp_path):
    images, labels = read_batches(tmp_path, batch(tmp_path, of_python_2(ROWS, [3, 1, 9, 0])))
    assert images.dtype == torch.uint8
    assert np.array_equal(images.flatten(1), ROWS)
    assert labels.tolist() == [3, 1, 9, 0]
    images[0] = 0  # memory of our own, not the file's


@pytest.mark.parametrize(("name", "reader"), [("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)])
def test_what_is_read_is_what_torchvision_reads(tmp_path, monkeypatch, name, reader):
    write_cifar(tmp_path, monkeypatch, reader)
    data = load(SETS[name], tmp_path)
    for images, labels, train in (
        (data.train_images, data.train_labels, True),
        (data.test_images, data.test_labels, False),
    ):
        theirs = reader(tmp_path, train=train)
        assert np.array_equal(images.permute(0, 2, 3, 1), theirs.data)
        assert labels.tolist() == theirs.targets


class Calls:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def hostile(made):
    """Pickles that would make a folder if pickle.load read them, or ask for something else that can be called."""
    yield "posix.mkdir", pickle.dumps({"data": Calls(os.mkdir, str(made))}, protocol=2)
    yield "posix.mkdir", pickle.dumps({"data": Calls(os.mkdir, str(made))}, protocol=4)
    yield "builtins.eval", b'cbuiltins\neval\n(S\'__import__("os").mkdir("%s")\'\ntR.' % str(made).encode()
    yield "posix.system", b"(S'mkdir %s'\niposix\nsystem\n." % str(made).encode()
    yield "numpy.load", pickle.dumps({"data": Calls(np.load, "x.npy", None, True)}, protocol=2)
    yield "functools.partial", b"cfunctools\npartial\n(cos\nmkdir\ntR."
    yield (
        "numpy._core.multiarray._reconstruct.__globals__",
        b"\x80\x04\x8c\x16numpy._core.multiarray\x8c\x18_reconstruct.__globals__\x93.",
    )


def test_a_pickle_that_would_run_code_is_refused_by_name_and_runs_none(tmp_path, monkeypatch):
    made = tmp_path / "made"
    for asked, content in hostile(made):
        with pytest.raises(pickle.UnpicklingError, match="asks for "):
            unpickle(content)
        assert not made.exists(), asked
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    folder = tmp_path / datasets.CIFAR10.base_folder
    (name, _), *rest = datasets.CIFAR10.train_list
    asked, content = next(hostile(made))
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [list(batch(folder, content, name)[0]), *rest])
    with pytest.raises(UsageError, match=f"'cifar10' is corrupt: {folder}: {name}: it asks for {asked}"):
        load(CIFAR10, tmp_path)
    assert not made.exists()
    with pytest.raises(KeyError):  # what torchvision's reader does with the same files, whose sums are right
        datasets.CIFAR10(tmp_path)
    assert made.exists(), "the pickle would indeed have run its code"


def test_other_encodings_and_persistent_objects_are_refused():
    with pytest.raises(pickle.UnpicklingError, match="encoding 'rot13'"):
        unpickle(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.")
    with pytest.raises(pickle.UnpicklingError, match="persistent"):
        unpickle(b"Pnobody\n.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # CPython, of a bytearray cut short
def test_damaged_pickles_fail_in_one_way():
    content, rng = of_python_2(ROWS[:1, :3072], [3]), random.Random(0)
    head = content.index(ROWS[:1].tobytes())
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            place = rng.choice([rng.randrange(head), rng.randrange(head + 3072, len(content))])
            damaged[place] = rng.randrange(256)
        try:
            unpickle(bytes(damaged))
        except pickle.UnpicklingError:
            continue


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, not a dictionary"),
        ({"labels": [0]}, "no rows of 3072 bytes"),
        ({"data": ROWS[:, :3071], "labels": [0] * 4}, "no rows of 3072 bytes"),
        ({"data": ROWS.astype(np.int16), "labels": [0] * 4}, "no rows of 3072 bytes"),
        ({"data": ROWS.tolist(), "labels": [0] * 4}, "no rows of 3072 bytes"),
        ({"data": ROWS}, "no list of whole numbers"),
        ({"data": ROWS, "labels": [0, 1, 2, "3"]}, "no list of whole numbers"),
        ({"data": ROWS, "labels": [0, 1, 2, True]}, "no list of whole numbers"),
    ],
)
def test_other_content_is_refused_by_the_name_of_its_file(tmp_path, content, message):
    with pytest.raises(ValueError, match=f"data_batch_1.* {message}"):
        read_batches(tmp_path, batch(tmp_path, pickle.dumps(content, protocol=2)))


@pytest.mark.parametrize(
    ("name", "reader", "train", "classes"),
    [("cifar10", datasets.CIFAR10, 10, 10), ("cifar100", datasets.CIFAR100, 100, 100)],
)
def test_cifar_batches_are_read(tmp_path, monkeypatch, name, reader, train, classes):
    written = write_cifar(tmp_path, monkeypatch, reader)
    data = load(SETS[name], tmp_path)
    assert (data.name, data.num_classes) == (name, classes)
    assert data.train_images.shape == (train, 3, 32, 32)
    assert np.array_equal(data.train_images.flatten(1), written["train_list"])
    assert np.array_equal(data.test_images.flatten(1), written["test_list"])
    assert data.train_labels.tolist() == list(range(train))
    assert data.train_images.is_contiguous()


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch", "batches.meta"])
@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda old: old[:40] + b"?" + old[41:], lambda _: b""])
def test_damaged_cifar_file_is_refused_before_it_is_unpickled(tmp_path, monkeypatch, file, damage):
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    path = tmp_path / "cifar-10-batches-py" / file
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    unpickle = cifar.unpickle
    monkeypatch.setattr(cifar, "unpickle", lambda content: pytest.fail("bad") if content == bad else unpickle(content))
    with pytest.raises(UsageError, match=f"'cifar10' is corrupt: {path.parent}: the MD5 sum of {file} is"):
        load(CIFAR10, tmp_path)
