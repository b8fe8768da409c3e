import hashlib
import io
import os
import shutil
import stat
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from torchvision.datasets import utils

from common.datasets.archives import Archive, Kind, Member, refusal, unpack


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name), content)
    return path


def write_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo) and name.endswith("/"):
                info.type = tarfile.DIRTYPE
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return path


def tar_member(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_member(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.fixture(params=["set.zip", "set.tar", "set.tar.gz"])
def write(request):
    """Write an archive of one kind of the members given, under its name in a folder."""

    def write_archive(folder, members):
        file = folder / request.param
        if file.suffix == ".zip":
            return write_zip(file, members)
        return write_tar(file, members, "w" if file.suffix == ".tar" else "w:gz")

    return write_archive


WHOLE = {"set/": "", "set/a/1.jpg": "one", "set/b/2.jpg": "two"}


def tree(root):
    return sorted(os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names)


def test_the_folder_of_an_archive_is_unpacked_and_nothing_else(tmp_path, write):
    members = {**WHOLE, "./set/c/3.jpg": "three", "__MACOSX/set/a/._1.jpg": "", "cache/mnist.safetensors": "evil"}
    archive = write(tmp_path, members)
    unpack(archive, tmp_path, "set")
    assert tree(tmp_path) == sorted([archive.name, "set/a/1.jpg", "set/b/2.jpg", "set/c/3.jpg"])
    assert (tmp_path / "set/b/2.jpg").read_text() == "two"


STRAY = [
    "../stray",
    "set/../../stray",
    "set/../stray",
    "/tmp/stray",
    "//host/stray",
    "set/a/../../../stray",
    "C:\\stray",
    "C:stray",
    "\\stray",
    "set\\..\\..\\stray",
    "..",
]


@pytest.mark.parametrize("name", STRAY)
def test_a_member_that_would_land_outside_is_refused_by_name_and_nothing_is_written(tmp_path, write, name):
    inner = tmp_path / "data"
    inner.mkdir()
    archive = write(inner, {**WHOLE, name: "evil"})
    with pytest.raises(ValueError, match="would land outside") as caught:
        unpack(archive, inner, "set")
    assert str(caught.value) == f"{archive} is refused: its member {name!r} would land outside of the folder"
    assert tree(tmp_path) == [f"data/{archive.name}"]
    assert not Path("/tmp/stray").exists()


OUTSIDE = [
    "/etc/passwd",
    "../../../stray",
    "../../../../etc/passwd",
    "C:\\stray",
    "x/../../../../stray",
    "..\\..\\stray",
]


def refuse(root, archive, message):
    with pytest.raises(ValueError, match=message):
        unpack(archive, root, "set")
    assert tree(root) == [archive.name]


@pytest.mark.parametrize("target", OUTSIDE)
def test_a_link_that_leads_outside_is_refused_by_name(tmp_path, target):
    message = r"its member 'set/a/link' is a link that leads outside of the folder, to "
    zipped = {**WHOLE, zip_member("set/a/link", stat.S_IFLNK | 0o777): target}
    refuse(tmp_path, write_zip(tmp_path / "set.zip", zipped), message)
    (tmp_path / "set.zip").unlink()
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        archive = write_tar(tmp_path / "set.tar", {**WHOLE, tar_member("set/a/link", kind, target): ""})
        refuse(tmp_path, archive, message)


def test_nothing_is_written_through_links_that_lead_outside_together(tmp_path):
    """Each leads inside by its text; one after the other, they would lead out of the folder."""
    inner = tmp_path / "data"
    inner.mkdir()
    members = {
        "set/d/": "",
        tar_member("set/d/up", tarfile.SYMTYPE, ".."): "",
        tar_member("set/upper", tarfile.SYMTYPE, "d/up/.."): "",
        "set/upper/stray": "evil",
    }
    archive = write_tar(inner / "set.tar", members)
    with pytest.raises(ValueError, match="is a link to no file in it"):
        unpack(archive, inner, "set")
    assert tree(tmp_path) == ["data/set.tar"]


@pytest.mark.parametrize(
    "member",
    [
        tar_member("set/a/x", tarfile.CHRTYPE),
        tar_member("set/a/x", tarfile.BLKTYPE),
        tar_member("set/a/x", tarfile.FIFOTYPE),
        zip_member("set/a/x", stat.S_IFCHR | 0o666),
        zip_member("set/a/x", stat.S_IFIFO | 0o666),
        zip_member("set/a/x", stat.S_IFSOCK | 0o666),
    ],
)
def test_devices_and_pipes_are_refused_by_name(tmp_path, member):
    members = {**WHOLE, member: ""}
    if isinstance(member, zipfile.ZipInfo):
        archive = write_zip(tmp_path / "set.zip", members)
    else:
        archive = write_tar(tmp_path / "set.tar", members)
    refuse(tmp_path, archive, r"is refused: its member 'set/a/x' is a device, pipe or the like$")


def links(archive):
    """Members that link to the file set/b/2.jpg: one after the other, and before what they lead to."""
    if archive.suffix == ".zip":
        link = stat.S_IFLNK | 0o777
        return {zip_member("set/a/3.jpg", link): "../b/4.jpg", zip_member("set/b/4.jpg", link): "2.jpg"}
    return {
        tar_member("set/a/3.jpg", tarfile.SYMTYPE, "../b/4.jpg"): "",
        tar_member("set/b/4.jpg", tarfile.LNKTYPE, "./set/b/2.jpg"): "",
    }


def test_a_link_to_a_file_inside_becomes_a_copy_of_it(tmp_path, write):
    archive = write(tmp_path, {})
    write(tmp_path, {**links(archive), **WHOLE})
    unpack(archive, tmp_path, "set")
    assert tree(tmp_path / "set") == ["a/1.jpg", "a/3.jpg", "b/2.jpg", "b/4.jpg"]
    for name in ("a/3.jpg", "b/4.jpg"):
        assert (tmp_path / "set" / name).read_text() == "two"
        assert not (tmp_path / "set" / name).is_symlink()
        assert (tmp_path / "set" / name).stat().st_nlink == 1


@pytest.mark.parametrize("target", ["none.jpg", "link", "../b", "other", "../../elsewhere/../set/a/none"])
def test_a_link_to_no_file_inside_is_refused(tmp_path, target):
    other = tar_member("set/a/other", tarfile.SYMTYPE, "link")
    archive = write_tar(
        tmp_path / "set.tar", {**WHOLE, "set/b/": "", other: "", tar_member("set/a/link", tarfile.SYMTYPE, target): ""}
    )
    refuse(tmp_path, archive, r"is a link to no file in it$")


@pytest.mark.parametrize("name", STRAY)
def test_refusal_is_of_names_whatever_the_system(name):
    for kind in Kind:
        assert refusal(Member(name, kind)) == "would land outside of the folder"
    assert refusal(Member("a", Kind.LINK, name)) == f"is a link that leads outside of the folder, to {name!r}"
    assert refusal(Member("a", Kind.FILE, name)) is None


@pytest.mark.parametrize("name", ["set", "set/", "./set/a.jpg", "set/a..b/..c", "set/x y/é.jpg", "set/.hidden"])
def test_ordinary_names_are_not_refused(name):
    assert [refusal(Member(name, kind)) for kind in (Kind.FILE, Kind.FOLDER)] == [None, None]


def test_an_archive_of_something_else_is_refused(tmp_path, write):
    archive = write(tmp_path, WHOLE)
    with pytest.raises(ValueError, match="has no folder another"):
        unpack(archive, tmp_path, "another")
    assert tree(tmp_path) == [archive.name]


def test_a_folder_that_was_there_in_part_is_completed_and_loses_nothing(tmp_path, write):
    for name, content in (("set/a/1.jpg", "half"), ("set/own.txt", "mine")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    archive = write(tmp_path, WHOLE)
    unpack(archive, tmp_path, "set")
    assert tree(tmp_path) == sorted([archive.name, "set/a/1.jpg", "set/b/2.jpg", "set/own.txt"])
    assert (tmp_path / "set/a/1.jpg").read_text() == "one"
    assert (tmp_path / "set/own.txt").read_text() == "mine"


@pytest.mark.parametrize("kept", [200, -600])
def test_a_tar_that_was_cut_short_leaves_no_half_a_folder(tmp_path, kept):
    archive = write_tar(tmp_path / "set.tar", {"set/a": "x" * 5000, "set/b": "y" * 5000}, "w")
    archive.write_bytes(archive.read_bytes()[: 512 + 2000 if kept < 0 else kept])
    with pytest.raises((tarfile.ReadError, ValueError)):
        unpack(archive, tmp_path, "set")
    assert tree(tmp_path) == ["set.tar"]


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


def test_an_archive_may_belong_below_the_data_folder(published):
    archive, root, _, _ = published
    replace(archive, below="some/where").fetch(root)
    assert tree(root) == ["some/where/set.zip", "some/where/set/a/1.jpg", "some/where/set/b/2.jpg"]


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
