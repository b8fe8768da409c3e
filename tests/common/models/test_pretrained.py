import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models
from torchvision.models.densenet import DenseNet

from common.errors import UsageError
from common.models import pretrained
from common.models.pretrained import ImageNetInput, backbone

PLACE = "https://weights.invalid/of"  # no such host: nothing is ever fetched


def rng():
    return torch.Generator().manual_seed(0)


def write(folder, content, name="resnet18"):
    """Save `content` under a name that carries its digest, as published weights do."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "unnamed"
    torch.save(content, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    return file.rename(folder / f"{name}-{digest}.pth")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep torch.hub's cache of this machine out."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub" / "checkpoints"


@pytest.fixture
def publish(monkeypatch):
    """Let torchvision expect a file as the weights of resnet18."""

    def expect(file):
        value = models.ResNet18_Weights.IMAGENET1K_V1.value
        monkeypatch.setattr(value, "url", f"{PLACE}/{file.name}")
        return file

    return expect


@pytest.fixture(scope="module")
def resnet():
    """A resnet18 of random weights and statistics, in inference mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = models.resnet18()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=rng())
            module.running_var.uniform_(0.5, 1.5, generator=rng())
    return network.eval()


@pytest.mark.parametrize(
    ("name", "kept", "last", "features"),
    [
        ("resnet18", 11_176_512, 513_000, 512),
        ("resnet50", 23_508_032, 2_049_000, 2_048),
        ("vgg19", 139_570_240, 4_097_000, 4_096),
        ("densenet201", 18_092_928, 1_921_000, 1_920),
        ("resnext101_32x8d", 86_742_336, 2_049_000, 2_048),
    ],
)
def test_parameters_kept_and_laid_aside(name, kept, last, features):
    extractor, head = pretrained._divided(name, pretrained._published(name)[0])
    assert sum(parameter.numel() for parameter in extractor.parameters()) == kept
    assert sum(parameter.numel() for parameter in head.parameters()) == last
    assert head.weight.shape == (1000, features)
    out = extractor.eval()(torch.empty(2, 3, 64, 64, device="meta"))
    assert out.shape == (2, features)


def test_vgg19_has_no_batch_norm_and_keeps_its_dropout():
    extractor, _ = pretrained._divided("vgg19", pretrained._published("vgg19")[0])
    kinds = [type(module) for module in extractor.modules()]
    assert nn.BatchNorm2d not in kinds
    assert kinds.count(nn.Dropout) == 2


def test_extractor_and_last_layer_are_the_whole_network(tmp_path, publish, resnet):
    publish(write(tmp_path, resnet.state_dict()))
    extractor, head = backbone("resnet18", tmp_path)
    assert extractor.training
    assert all(value.device.type == "cpu" for value in [*extractor.state_dict().values(), head.weight, head.bias])
    assert all(parameter.requires_grad for parameter in [*extractor.parameters(), *head.parameters()])
    images = torch.randn(2, 3, 64, 64, generator=rng())
    with torch.no_grad():
        assert torch.equal(head(extractor.eval()(images)), resnet(images))
        assert extractor(images).shape == (2, 512)


def test_the_global_random_state_does_not_matter_and_stays(tmp_path, publish, resnet):
    publish(write(tmp_path, resnet.state_dict()))
    before = torch.get_rng_state()
    backbone("resnet18", tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_folder_comes_first_then_the_cache(tmp_path, publish, resnet, cache):
    file = publish(write(cache, resnet.state_dict()))
    backbone("resnet18", tmp_path / "folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / file.name).write_bytes(b"")
    with pytest.raises(UsageError, match=f"{tmp_path / 'folder' / file.name} are corrupt"):
        backbone("resnet18", tmp_path / "folder")


@pytest.mark.parametrize("name", pretrained.LAST_LAYERS)
def test_missing_weights_are_named_with_the_command_that_gets_them(tmp_path, monkeypatch, cache, name):
    with pytest.raises(UsageError) as caught:
        backbone(name, tmp_path / "folder")
    message, command = str(caught.value).split("get it with: ")
    url = models.get_model_weights(name).IMAGENET1K_V1.url
    assert f"{name!r}: {Path(url).name} is neither in {tmp_path / 'folder'} nor in {cache};" in message
    called = {}
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *at, **how: called.update(how, url=at))
    exec(command.removeprefix('python -c "').removesuffix('"'))
    assert called == {"url": (url,), "model_dir": str(tmp_path / "folder"), "check_hash": True}


def test_a_folder_that_may_not_be_read_is_named(tmp_path, publish, resnet, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    file = publish(write(tmp_path, resnet.state_dict()))
    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(UsageError, match=f"^weights {file} cannot be read: Permission denied$"):
        backbone("resnet18", tmp_path)


def test_unknown_name_lists_all_names(tmp_path):
    with pytest.raises(
        ValueError, match="'resnet19'; there are resnet18, resnet50, vgg19, densenet201, resnext101_32x8d"
    ):
        backbone("resnet19", tmp_path)


def test_a_changed_file_is_refused_before_it_is_unpickled(tmp_path, publish, monkeypatch):
    file = publish(write(tmp_path, {"fc.weight": torch.zeros(2)}))
    file.write_bytes(file.read_bytes() + b"\0")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled a file that failed its check"))
    with pytest.raises(UsageError, match=f"weights {file} are corrupt: its SHA-256 is .*; delete the file"):
        backbone("resnet18", tmp_path)


@pytest.mark.parametrize("content", [[1, 2], {"fc.weight": 1}])
def test_a_file_of_something_else_is_refused(tmp_path, publish, content):
    file = publish(write(tmp_path, content))
    with pytest.raises(UsageError, match=f"weights {file} are corrupt: ."):
        backbone("resnet18", tmp_path)


class MakesFolder:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path, publish):
    file = publish(write(tmp_path, {"fc.weight": MakesFolder(tmp_path / "made")}))
    with pytest.raises(UsageError, match=f"weights {file} are corrupt: Weights only load failed"):
        backbone("resnet18", tmp_path)
    assert not (tmp_path / "made").exists()


def test_a_file_that_torch_did_not_write_is_refused(tmp_path, publish):
    content = pickle.dumps({"fc.weight": [1.0]}, protocol=2)[:-3]
    file = tmp_path / f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    file.write_bytes(content)
    publish(file)
    with pytest.raises(UsageError, match=f"weights {file} are corrupt: ."):
        backbone("resnet18", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc.bias"), r"network: missing fc\.bias$"),
        (lambda state: state.update(extra=torch.zeros(1)), "network: unexpected extra$"),
        (
            lambda state: state.update({"fc.weight": torch.zeros(10, 512)}),
            r"network: of another shape fc\.weight \[10, 512\] for \[1000, 512\]$",
        ),
        (
            lambda state: state.update({"bn1.weight": torch.ones(64, dtype=torch.float16)}),
            r"network: of another type bn1\.weight torch\.float16 for torch\.float32$",
        ),
        (
            lambda state: state.update({"fc.weight": torch.zeros(10, 512), "fc.bios": state.pop("fc.bias")}),
            r"network: missing fc\.bias; unexpected fc\.bios; of another shape fc\.weight \[10, 512\] for .*$",
        ),
        (lambda state: state.clear(), r"network: missing conv1\.weight, bn1\.weight, bn1\.bias, .*, \S+ and \d+ more$"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, publish, resnet, change, message):
    state = dict(resnet.state_dict())
    change(state)
    file = publish(write(tmp_path, state))
    with pytest.raises(UsageError, match=f"weights {file} do not fit") as caught:
        backbone("resnet18", tmp_path)
    assert pytest.raises(UsageError, match=message).matches(caught.value)


def old_name(key):
    """The names of 2017: norm.1 for norm1 within a dense layer."""
    before, dense, within = key.partition("denselayer")
    for part in ("norm", "conv"):
        for number in ("1", "2"):
            within = within.replace(f".{part}{number}.", f".{part}.{number}.")
    return before + dense + within


def test_old_densenet_names_are_todays():
    keys = list(models.get_model("densenet201", num_classes=1).state_dict())
    assert old_name("features.denseblock1.denselayer1.norm1.weight") == "features.denseblock1.denselayer1.norm.1.weight"
    assert sum(old_name(key) != key for key in keys) == 98 * 2 * (5 + 1)  # layers x pairs of BatchNorm and convolution
    assert [pretrained._today(old_name(key)) for key in keys] == keys
    assert [pretrained._today(key) for key in keys] == keys


def test_an_old_file_without_counts_of_batches_fills_a_densenet(tmp_path):
    def build():
        return DenseNet(growth_rate=2, block_config=(2, 1), num_init_features=4, bn_size=2, num_classes=3)

    network = build().eval()
    with torch.device("meta"):
        filled = build()
    state = network.state_dict()
    old = {old_name(key): value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    file = write(tmp_path, old, "densenet")
    pretrained._fill(filled, pretrained._state(file), file)
    images = torch.randn(2, 3, 64, 64, generator=rng())
    assert torch.equal(filled.eval()(images), network(images))
    assert [key for key, value in filled.state_dict().items() if value.device.type != "cpu"] == []


def test_input_by_hand():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    out = ImageNetInput(None)(images)
    assert out.flatten().tolist() == pytest.approx([-0.485 / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225])


def test_mean_and_deviation_are_the_published_ones():
    for name in pretrained.LAST_LAYERS:
        preset = models.get_model_weights(name).IMAGENET1K_V1.transforms()
        assert (tuple(preset.mean), tuple(preset.std)) == (pretrained.MEAN, pretrained.STD)


@pytest.mark.parametrize("side", [None, 5, 40])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bytes_and_floats_become_the_same(side, channels, dtype):
    images = torch.randint(256, (4, channels, 12, 12), generator=rng()).to(torch.uint8)
    out = ImageNetInput(side)(images)
    assert out.dtype == torch.float32
    assert out.shape == (4, 3, side or 12, side or 12)
    assert torch.allclose(ImageNetInput(side)(images.to(dtype) / 255), out, atol=1e-6)


def test_grey_is_three_equal_channels():
    grey = torch.rand(2, 1, 9, 9, generator=rng())
    assert torch.equal(ImageNetInput(16)(grey), ImageNetInput(16)(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("side", [7, 50])
def test_images_are_resized_as_the_reference_does(side):
    images = torch.rand(2, 3, 28, 28, generator=rng())
    mean, std = (torch.tensor(moment).view(3, 1, 1) for moment in (pretrained.MEAN, pretrained.STD))
    unit = ImageNetInput(side)(images) * std + mean
    expected = F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
    assert torch.allclose(unit, expected, atol=1e-6)


def test_antialias_averages_what_a_plain_resize_skips():
    stripes = (torch.arange(64) % 4 == 0).float().expand(1, 1, 64, 64)
    mean, std = pretrained.MEAN[0], pretrained.STD[0]
    assert ImageNetInput(16)(stripes)[0, 0, 8, 4:12].mul(std).add(mean).tolist() == pytest.approx([0.25] * 8, abs=0.04)


def test_input_has_no_parameters_and_saves_nothing():
    module = ImageNetInput(32)
    assert [*module.parameters()] == []
    assert module.state_dict() == {}


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 8, 8), r"not \[3, 8, 8\]"),
        (torch.zeros(1, 2, 8, 8), r"not \[1, 2, 8, 8\]"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int64), "uint8 or floats, not torch.int64"),
    ],
)
def test_other_shapes_and_types_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        ImageNetInput(8)(images)


def test_as_many_keys_as_fit_are_named_and_the_others_counted():
    keys = [f"k{number}" for number in range(11)]
    assert pretrained._few(keys[:10]) == ", ".join(keys[:10])
    assert pretrained._few(keys) == f"{', '.join(keys[:10])} and 1 more"
