"""Whatever a file holds, loading it gives a network or ends in one line."""

import copy
import hashlib
import itertools
import json
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from common.errors import UsageError
from common.models import initialise, weight_tensors
from papers.freezenet import storage
from papers.freezenet.storage import load, save
from tests.papers.freezenet.test_storage import SEED, assert_same_bits, tiny


def sealed(content: bytes) -> bytes:
    """Return the content of a file, all but its checksum, with the checksum that makes it valid."""
    return content + hashlib.sha256(content).digest()


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    model, mask = tiny()
    save(tmp_path / "net", model, SEED, mask)
    return tmp_path / "net"


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"^{re.escape(str(path))}: ") as caught:
        load(path)
    message = str(caught.value)
    assert_one_clear_line(message)
    return message


def assert_one_clear_line(message: str) -> None:
    assert message.isprintable()
    assert len(message) < 600
    assert message.endswith("; get the file, or train and save the network, again")


def test_every_kind_of_byte_is_protected(stored: Path) -> None:
    content = stored.read_bytes()
    header_end = 14 + struct.unpack_from("<I", content, 10)[0]
    tail = len(content) - 32
    spots = [*range(0, header_end, 2), *range(header_end, tail, 97), *range(tail, len(content), 4)]
    for spot, bit in zip(spots, itertools.cycle(range(8)), strict=False):
        changed = bytearray(content)
        changed[spot] ^= 1 << bit
        refused(stored, bytes(changed))


def test_truncated_and_extended_files(stored: Path) -> None:
    content = stored.read_bytes()
    for length in [*range(60), *range(60, len(content), 211), len(content) - 1]:
        refused(stored, content[:length])
    refused(stored, content + b"\0")


def test_foreign_files(stored: Path) -> None:
    assert "not a stored FreezeNet" in refused(stored, b"PK\x03\x04" + bytes(200))
    torch.save({"a": 1}, stored)
    assert "not a stored FreezeNet" in refused(stored, stored.read_bytes())


def test_other_version(stored: Path) -> None:
    content = stored.read_bytes()
    for version in (1, 3):
        other = content[:8] + struct.pack("<H", version) + content[10:-32]
        message = refused(stored, sealed(other))
        assert f"stored in format version {version}, but this program reads version 2; get the file" in message


def test_a_header_longer_than_the_file(stored: Path) -> None:
    content = stored.read_bytes()
    longer = content[:10] + struct.pack("<I", 2**32 - 1) + content[14:-32]
    assert "the header is longer than the file" in refused(stored, sealed(longer))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UsageError, match=f"^{re.escape(str(path))} cannot be read: .*; check the path$"):
            load(path)


def with_header(content: bytes, old: str, new: str) -> bytes:
    """Return the file with a change in its header and a valid frame around it."""
    size = struct.unpack_from("<I", content, 10)[0]
    header = content[14 : 14 + size].decode()
    assert old in header
    text = header.replace(old, new, 1).encode()
    return sealed(content[:10] + struct.pack("<I", len(text)) + text + content[14 + size : -32])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"in_features",4', '"in_features",5', "the mask cannot be decoded|number of trained weights"),
        ('"in_features",4', '"in_features",100000000000', "larger than any network needs"),
        ('"in_features",4', '"in_features",-1', "no network that can be built"),
        ('"in_features",4', '"in_features","4"', "wrong type"),
        ('"in_features",4', '"in_features",true', "wrong type"),
        ('"in_features",4', '"depth",4', "no network that can be built"),
        ('"num_classes",3', '"num_classes",30000000', "more than|do not fit the length"),
        ('"lenet_300_100"', '"lenet_300_101"', "no network of FreezeNet"),
        ('"lenet_300_100"', '["lenet_300_100"]', "wrong type"),
        ('"xavier_normal"', '"xavier_norm"', "xavier_norm"),
        ('"xavier_normal"', '"kaiming_uniform"', "other frozen weights"),
        ('"seed":11', '"seed":12', "other frozen weights"),
        ('"seed":11', '"seed":' + "9" * 40, "seed must be in"),
        ('"seed":11', '"seed":1.5', "wrong type"),
        ('"seed":11', '"seed":' + "[" * 100_000, "cannot be read"),
        ('"initial"', '"zero"', "other frozen weights"),
        ('"initial"', '"final"', "'initial' or 'zero'"),
        ('"mask_bytes":', '"mask_bytes":1', "do not fit the length"),
        ('"mask_bytes":', '"mask_bytes":-', "do not fit the length"),
        ('"trained":[', '"trained":[1,', "counts of trained weights"),
        ('"trained":[', '"trained":[-', "counts of trained weights"),
        ('"trained":[', '"spare":0,"trained":[', "missing or unknown entries"),
        ('"scheme":', '"schema":', "missing or unknown entries"),
        ('["in_features",4]', '["in_features",4,4]', "cannot be read"),
        ('"in_features",4', '"in_features",' + str(2**64 // 300 + 1), "larger than any network needs"),
        ('"in_features",4', '"in_features",' + "9" * 30, "larger than any network needs"),
        ("{", "[", "cannot be read"),
    ],
)
def test_tampered_header_with_a_valid_checksum(stored: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_content(stored, with_header(stored.read_bytes(), old, new))
    assert_one_clear_line(str(caught.value))


HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3.0, 1e300, float("nan"), float("inf")),
    *(2**26, 2**26 + 1, 2**31, 2**62, 2**63, 2**64, 10**400, -(10**400)),
    *("", "zero", "initial", "normal", "resnet34", "grouped_cnn", "\0\n\x1b[2J", "\ud800", "x" * 10_000, "9" * 5_000),
    *([], {}, [[]], [0] * 5_000, [["width", 1]], [["in_features", 10**9]], [["num_classes", 3]] * 5_000, {"a": {}}),
    *([["num_classes", 3], ["in_features", 4], ["in_features", 4]], [["num_classes", 3], ["\n" * 50, 4]]),
]


def attacked(part: Any, draw: random.Random) -> Any:
    """Return a part of a header with one value replaced, dropped or added, at any depth."""
    keys = list(part) if isinstance(part, dict) else list(range(len(part))) if isinstance(part, list) else []
    if not keys or draw.random() < 0.1:
        return draw.choice(HOSTILE)
    changed, key = copy.copy(part), draw.choice(keys)
    if draw.random() < 0.1:
        del changed[key]
    elif isinstance(changed, list) and draw.random() < 0.1:
        changed.append(draw.choice(HOSTILE))
    else:
        changed[key] = attacked(changed[key], draw)
    return changed


def rewritten(content: bytes, header: dict[str, Any]) -> bytes:
    """Return the file with another header and a valid frame around it."""
    size = struct.unpack_from("<I", content, 10)[0]
    text = json.dumps(header).encode()
    return sealed(content[:10] + struct.pack("<I", len(text)) + text + content[14 + size : -32])


def test_hostile_headers_end_in_one_line(stored: Path) -> None:
    """What is said in another way, such as an argument twice, loads the same network."""
    content, whole, draw = stored.read_bytes(), load(stored), random.Random(0)
    header = json.loads(content[14 : 14 + struct.unpack_from("<I", content, 10)[0]])
    reasons = set()
    for _ in range(600):
        try:
            assert_same_bits(load_content(stored, rewritten(content, attacked(header, draw))), whole)
        except UsageError as error:
            assert_one_clear_line(str(error))
            reasons.add(str(error)[len(str(stored)) :][:40])
    assert len(reasons) >= 12, "attacks that reach every check"


def network_of(name: str, **arguments: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda header: header | {"architecture": name, "arguments": list(arguments.items())}


def with_a_negative_length(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header whose lengths still add up to the file's."""
    more = -(-(header["mask_bytes"] + 1) // 4)
    first, second, third = header["trained"]
    return header | {"trained": [first, second + more, third], "mask_bytes": header["mask_bytes"] - 4 * more}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (network_of("grouped_cnn", width=1, depth=2_000, num_classes=3), "no network of FreezeNet: 'grouped_cnn'"),
        (network_of("grouped_resnet", depth=10**18), "no network of FreezeNet|larger than any network needs"),
        (network_of("vgg_mini", num_classes=3, width=2**26), "more than 67108864 weights"),
        (network_of("vgg_mini", num_classes=3, width=2**31), "larger than any network needs"),
        (network_of("vgg_mini", num_classes=3, width=0), "no network that can be built"),
        (network_of("vgg_mini", num_classes=3, width=-(10**400)), "larger than any network needs"),
        (network_of("resnet34", num_classes=2**26), "more than 67108864 weights"),
        (lambda header: header | {"trained": [1] * 200_000}, "counts of trained weights do not fit"),
        (lambda header: header | {"trained": [10**400, -(10**400), 10]}, "counts of trained weights do not fit"),
        (lambda header: header | {"mask_bytes": 10**400}, "do not fit the length"),
        (with_a_negative_length, "do not fit the length"),
    ],
)
def test_a_file_that_asks_for_endless_work_is_refused_before_it_begins(
    stored: Path, change: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    content = stored.read_bytes()
    header = json.loads(content[14 : 14 + struct.unpack_from("<I", content, 10)[0]])
    with pytest.raises(UsageError, match=message) as caught:
        load_content(stored, rewritten(content, change(header)))
    assert_one_clear_line(str(caught.value))


def load_content(path: Path, content: bytes) -> nn.Module:
    path.write_bytes(content)
    return load(path)


def test_any_tampering_with_a_valid_checksum_is_refused_or_another_value(stored: Path) -> None:
    content = stored.read_bytes()
    body = 14 + struct.unpack_from("<I", content, 10)[0]
    generator = np.random.default_rng(0)
    loaded = 0
    for spot in [*range(0, body, 5), *generator.integers(body, len(content) - 32, 80)]:
        changed = bytearray(content[:-32])
        changed[spot] ^= 1 << int(generator.integers(8))
        try:
            load_content(stored, sealed(bytes(changed)))
            loaded += 1
        except UsageError as error:
            assert_one_clear_line(str(error))
    assert loaded > 30, "trained values may be changed by whoever signs the file again"


def test_another_random_generator_is_noticed(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_platform(model: nn.Module, scheme: str, seed: int) -> None:
        initialise(model, scheme, seed)
        with torch.no_grad():
            weight = weight_tensors(model)["linear2.weight"]
            weight.copy_(torch.nextafter(weight, torch.tensor(9.0)))

    monkeypatch.setattr(storage, "initialise", other_platform)
    with pytest.raises(UsageError, match="random generator of this platform"):
        load(stored)
