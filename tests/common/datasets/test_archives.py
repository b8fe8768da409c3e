import hashlib
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from torchvision.datasets import utils

from common.datasets.archives import Archive, unpack


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name), content)
    return path


WHOLE = {"set/": "", "set/a/1.jpg": "one", "set/b/2.jpg": "two"}


def tree(root):
    return sorted(os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names)


def test_the_folder_of_an_archive_is_unpacked_and_nothing_else(tmp_path):
    archive = write_zip(
        tmp_path / "set.zip", {**WHOLE, "__MACOSX/set/a/._1.jpg": "", "cache/mnist.safetensors": "evil"}
    )
    unpack(archive, tmp_path, "set")
    assert tree(tmp_path) == ["set.zip", "set/a/1.jpg", "set/b/2.jpg"]
    assert (tmp_path / "set/b/2.jpg").read_text() == "two"


@pytest.mark.parametrize(
    "name",
    ["../stray", "set/../../stray", "/tmp/stray", "set/a/../../../stray", "C:\\stray", "C:stray", "set\\..\\..\\stray"],
)
def test_a_member_that_would_land_outside_is_refused_by_name_and_nothing_is_written(tmp_path, name):
    inner = tmp_path / "data"
    inner.mkdir()
    archive = write_zip(inner / "set.zip", {**WHOLE, name: "evil"})
    with pytest.raises(ValueError, match="would land outside") as caught:
        unpack(archive, inner, "set")
    assert repr(name) in str(caught.value)
    assert tree(tmp_path) == ["data/set.zip"]


def test_a_link_is_refused_by_name(tmp_path):
    link = zipfile.ZipInfo("set/a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = write_zip(tmp_path / "set.zip", {**WHOLE, link: "/etc"})
    with pytest.raises(ValueError, match=r"its member 'set/a/link' is a link that leads outside .*, to '/etc'"):
        unpack(archive, tmp_path, "set")
    assert tree(tmp_path) == ["set.zip"]


def test_an_archive_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no folder another"):
        unpack(write_zip(tmp_path / "set.zip", WHOLE), tmp_path, "another")
    assert tree(tmp_path) == ["set.zip"]


@pytest.mark.parametrize("damage", [lambda old: old[:-30], lambda old: old.replace(b"two", b"twa"), lambda old: b""])
def test_a_damaged_archive_leaves_no_half_a_folder(tmp_path, damage):
    archive = write_zip(tmp_path / "set.zip", WHOLE)
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(zipfile.BadZipFile):
        unpack(archive, tmp_path, "set")
    assert tree(tmp_path) == ["set.zip"]


def test_what_an_interrupted_attempt_left_is_cleared(tmp_path):
    (tmp_path / ".set.part" / "set").mkdir(parents=True)
    (tmp_path / ".set.part" / "set" / "old.jpg").write_text("old")
    unpack(write_zip(tmp_path / "set.zip", WHOLE), tmp_path, "set")
    assert tree(tmp_path) == ["set.zip", "set/a/1.jpg", "set/b/2.jpg"]


@pytest.fixture
def published(tmp_path, monkeypatch):
    """An archive on a host that does not exist, an empty folder for it, and the addresses that were asked for."""
    source = write_zip(tmp_path / "published.zip", WHOLE)
    asked = []

    def retrieve(url, filename, **_):
        asked.append(url)
        shutil.copy(source, filename)

    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(utils, "_urlretrieve", retrieve)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    (tmp_path / "data").mkdir()
    return Archive("https://sets.invalid/set.zip", "sha256", digest, "set"), tmp_path / "data", source, asked


def test_an_archive_is_fetched_once_and_unpacked(published):
    archive, root, _, asked = published
    archive.fetch(root)
    shutil.rmtree(root / "set")
    (root / "set.zip.part").write_text("what an earlier attempt left")
    archive.fetch(root)
    assert asked == ["https://sets.invalid/set.zip"]
    assert tree(root) == ["set.zip", "set.zip.part", "set/a/1.jpg", "set/b/2.jpg"]


def test_an_interrupted_fetch_begins_anew(published):
    archive, root, _, asked = published
    (root / "set.zip.part").write_text("half")
    archive.fetch(root)
    assert len(asked) == 1
    assert tree(root) == ["set.zip", "set/a/1.jpg", "set/b/2.jpg"]


def test_a_fetch_that_is_killed_half_way_leaves_nothing_under_the_archives_name(published, monkeypatch):
    archive, root, _, _ = published
    whole = utils._urlretrieve

    def killed(url, filename, **_):
        Path(filename).write_bytes(b"PK half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "_urlretrieve", killed)
    with pytest.raises(KeyboardInterrupt):
        archive.fetch(root)
    assert not (root / "set.zip").exists()
    monkeypatch.setattr(utils, "_urlretrieve", whole)
    archive.fetch(root)
    assert tree(root) == ["set.zip", "set/a/1.jpg", "set/b/2.jpg"]


def test_an_archive_with_another_sum_does_not_get_its_name(published):
    archive, root, source, _ = published
    source.write_bytes(source.read_bytes() + b"?")
    with pytest.raises(OSError, match=rf"^{archive.url}: what came has the sha256 sum \w+, not {archive.digest}$"):
        archive.fetch(root)
    assert tree(root) == []


def test_an_archive_that_was_there_with_another_sum_is_refused_before_it_is_opened(published, monkeypatch):
    archive, root, source, _ = published
    (root / "set.zip").write_bytes(source.read_bytes() + b"?")
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("opened an archive that failed its check"))
    with pytest.raises(
        ValueError, match=rf"the sha256 sum of {root / 'set.zip'} is \w+, not {archive.digest}; delete it"
    ):
        archive.fetch(root)
    assert tree(root) == ["set.zip"]
