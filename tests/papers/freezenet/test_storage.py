"""Stored networks come back bit for bit, and what could not come back is not stored."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.models import initialise, lenet5_caffe, lenet_300_100, parameter_counts, vgg_mini, weight_tensors
from common.models.grouped import grouped_mlp
from papers.freezenet import storage
from papers.freezenet.masks import apply_pruning, freezing_mask, random_mask
from papers.freezenet.saliency import snip_scores
from papers.freezenet.storage import load, save

SEED = 11
Mask = dict[str, Tensor]


def lenet_images(generator: torch.Generator) -> Tensor:
    return torch.randn(8, 1, 28, 28, generator=generator)


def vgg_images(generator: torch.Generator) -> Tensor:
    return torch.randn(8, 3, 16, 16, generator=generator)


def initialised(model: nn.Module, scheme: str = "xavier_normal") -> nn.Module:
    initialise(model, scheme, SEED)
    return model


def snip_mask(model: nn.Module, images: Tensor, rate: float) -> Mask:
    return freezing_mask(snip_scores(model, images, torch.arange(len(images)) % 4), rate)


def trained(model: nn.Module, mask: Mask, images: Tensor) -> nn.Module:
    """Take two plain gradient steps on everything that is not frozen, BatchNorm statistics included."""
    model.train()
    for _ in range(2):
        model.zero_grad()
        F.cross_entropy(model(images), torch.arange(len(images)) % 4).backward()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter -= 0.05 * parameter.grad * mask.get(name, 1.0)
    return model


def tiny(rate: float = 0.9) -> tuple[nn.Module, Mask]:
    """Return a LeNet-300-100 for 4 pixels and 3 classes and a random mask."""
    model = initialised(lenet_300_100(num_classes=3, in_features=4))
    return model, random_mask(model, rate, torch.Generator().manual_seed(0))


def assert_same_bits(actual: nn.Module, expected: nn.Module) -> None:
    ours, theirs = actual.state_dict(), expected.state_dict()
    assert list(ours) == list(theirs)
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype
        assert ours[name].shape == theirs[name].shape
        assert ours[name].numpy().tobytes() == theirs[name].numpy().tobytes(), name


CASES: list[tuple[Callable[[], nn.Module], Callable[[torch.Generator], Tensor]]] = [
    (lenet_300_100, lenet_images),
    (lenet5_caffe, lenet_images),
    (lambda: vgg_mini(4, width=8), vgg_images),
]


@pytest.mark.parametrize(("build", "images_of"), CASES, ids=["lenet_300_100", "lenet5_caffe", "vgg_mini"])
@pytest.mark.parametrize(("scheme", "rate"), [("xavier_normal", 0.95), ("kaiming_uniform", 0.0)])
def test_round_trip(
    build: Callable[[], nn.Module],
    images_of: Callable[[torch.Generator], Tensor],
    scheme: str,
    rate: float,
    tmp_path: Path,
) -> None:
    images = images_of(torch.Generator().manual_seed(0))
    model = initialised(build(), scheme)
    mask = snip_mask(model, images, rate)
    trained(model, mask, images).eval()
    assert save(tmp_path / "net", model, SEED, mask) == (tmp_path / "net").stat().st_size
    loaded = load(tmp_path / "net")
    assert_same_bits(loaded, model)
    assert torch.equal(loaded(images), model(images))
    assert loaded.architecture == model.architecture
    assert loaded.initialisation == model.initialisation
    assert not loaded.training
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_pruned_network_stores_as_many_values_as_a_frozen_one(tmp_path: Path) -> None:
    images = lenet_images(torch.Generator().manual_seed(0))
    frozen = initialised(lenet_300_100())
    mask = snip_mask(frozen, images, 0.98)
    pruned = initialised(lenet_300_100())
    apply_pruning(pruned, mask)
    trained(frozen, mask, images)
    trained(pruned, mask, images)
    sizes = [save(tmp_path / name, net, SEED, mask) for name, net in (("frozen", frozen), ("pruned", pruned))]
    assert_same_bits(load(tmp_path / "frozen"), frozen)
    assert_same_bits(load(tmp_path / "pruned"), pruned)
    assert sizes[0] == sizes[1] + len("initial") - len("zero")


def test_odd_float_values_survive(tmp_path: Path) -> None:
    model, mask = tiny()
    with torch.no_grad():
        odd = torch.tensor([math.nan, -math.inf, -0.0, 1e-45, 3.4e38])
        model.linear1.bias[:5] = odd
        weight = model.linear2.weight
        weight[mask["linear2.weight"]] = odd.repeat(-(-int(mask["linear2.weight"].sum()) // 5))[
            : int(mask["linear2.weight"].sum())
        ]
    save(tmp_path / "net", model, SEED, mask)
    assert_same_bits(load(tmp_path / "net"), model)


@pytest.mark.parametrize("fill", [False, True])
def test_constant_masks(fill: bool, tmp_path: Path) -> None:
    model, mask = tiny()
    mask = {name: torch.full_like(part, fill) for name, part in mask.items()}
    save(tmp_path / "net", model, SEED, mask)
    assert_same_bits(load(tmp_path / "net"), model)


def test_channels_last_weights_are_stored_in_index_order(tmp_path: Path) -> None:
    model = initialised(vgg_mini(4, width=4)).to(memory_format=torch.channels_last)
    mask = random_mask(model, 0.5, torch.Generator().manual_seed(0))
    mask = {n: m.contiguous(memory_format=torch.channels_last) if m.ndim == 4 else m for n, m in mask.items()}
    trained(model, mask, vgg_images(torch.Generator().manual_seed(1)))
    save(tmp_path / "net", model, SEED, mask)
    assert_same_bits(load(tmp_path / "net"), model)


def test_masks_may_be_given_in_any_order(tmp_path: Path) -> None:
    model, mask = tiny()
    save(tmp_path / "net", model, SEED, dict(reversed(mask.items())))
    assert_same_bits(load(tmp_path / "net"), model)


def test_neither_saving_nor_loading_draws_global_random_numbers(tmp_path: Path) -> None:
    model, mask = tiny()
    before = torch.get_rng_state()
    save(tmp_path / "net", model, SEED, mask)
    load(tmp_path / "net")
    assert torch.equal(torch.get_rng_state(), before)


def entropy_bytes(kept: int, total: int) -> float:
    """Return the least bytes for a mask of `total` entries, `kept` of them ones in places of equal chance."""
    share = kept / total
    return total * (-share * math.log2(share) - (1 - share) * math.log2(1 - share)) / 8


def test_size_is_close_to_the_entropy_bound(tmp_path: Path) -> None:
    model = initialised(lenet5_caffe())
    mask = snip_mask(model, lenet_images(torch.Generator().manual_seed(0)), 0.995)
    counts = parameter_counts(model)
    kept = sum(int(part.sum()) for part in mask.values())
    values = 4 * (kept + counts.biases)
    assert kept in range(2_152, 2_157)
    assert values + entropy_bytes(kept, counts.weights) == pytest.approx(13.06 * 1024, rel=0.005)
    bound = values + sum(entropy_bytes(int(part.sum()), part.numel()) for part in mask.values())
    assert bound < save(tmp_path / "net", model, SEED, mask) < 1.05 * bound


def test_writing_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, mask = tiny()
    save(tmp_path / "net", model, SEED, mask)
    before = (tmp_path / "net").read_bytes()
    save(tmp_path / "net", model, SEED, mask)
    assert (tmp_path / "net").read_bytes() == before, "the same network gives the same bytes"

    def failing(source: Path, target: Path) -> None:
        assert source.parent == target.parent
        raise OSError("disk full")

    monkeypatch.setattr(storage.os, "replace", failing)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path / "net", *tiny(0.5)[:1], SEED, tiny(0.5)[1])
    assert (tmp_path / "net").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["net"]


# What save refuses


@pytest.mark.parametrize("name", ["linear1.weight", "linear3.weight"])
def test_a_moved_frozen_weight_is_refused(name: str, tmp_path: Path) -> None:
    model, mask = tiny()
    index = (~mask[name]).nonzero()[-1]
    with torch.no_grad():
        weight = weight_tensors(model)[name]
        weight[tuple(index)] = torch.nextafter(weight[tuple(index)], torch.tensor(9.0))
    with pytest.raises(ValueError, match=f"frozen weights of '{name}' are not what xavier_normal with seed 11 gives"):
        save(tmp_path / "net", model, SEED, mask)
    assert not (tmp_path / "net").exists()


def test_wrong_seed_is_refused(tmp_path: Path) -> None:
    model, mask = tiny()
    with pytest.raises(ValueError, match=r"'linear1.weight' are not what xavier_normal with seed 12"):
        save(tmp_path / "net", model, SEED + 1, mask)


def test_half_pruned_network_is_refused(tmp_path: Path) -> None:
    model, mask = tiny()
    with torch.no_grad():
        model.linear2.weight.masked_fill_(~mask["linear2.weight"], 0.0)
    with pytest.raises(ValueError, match=r"frozen weights of 'linear2.weight'"):
        save(tmp_path / "net", model, SEED, mask)


def test_minus_zero_is_not_pruned(tmp_path: Path) -> None:
    model, mask = tiny()
    apply_pruning(model, mask)
    with torch.no_grad():
        model.linear2.weight.masked_fill_(~mask["linear2.weight"], -0.0)
    with pytest.raises(ValueError, match=r"frozen weights of 'linear2.weight'"):
        save(tmp_path / "net", model, SEED, mask)


def widened(model: nn.Module) -> None:
    model.linear3 = nn.Linear(100, 4)


def with_extra_layer(model: nn.Module) -> None:
    model.extra = nn.BatchNorm1d(2)


def doubled(model: nn.Module) -> None:
    model.double()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (widened, "'linear3.weight' is .* but the architecture builds"),
        (with_extra_layer, "no longer what its architecture builds; they differ in extra.bias"),
        (doubled, "'linear1.weight' is .*float64.* but the architecture builds"),
    ],
)
def test_a_changed_network_is_refused(change: Callable[[nn.Module], None], message: str, tmp_path: Path) -> None:
    model, _ = tiny()
    change(model)
    mask = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weight_tensors(model).items()}
    with pytest.raises(ValueError, match=message):
        save(tmp_path / "net", model, SEED, mask)


def test_networks_of_unknown_origin_are_refused(tmp_path: Path) -> None:
    plain = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="architecture"):
        save(tmp_path / "net", plain, SEED, {"weight": torch.ones(2, 3, dtype=torch.bool)})
    model = lenet_300_100(num_classes=3, in_features=4)
    mask = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weight_tensors(model).items()}
    with pytest.raises(ValueError, match="seed"):
        save(tmp_path / "net", model, SEED, mask)


def test_what_could_not_be_loaded_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = initialised(grouped_mlp())
    mask = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weight_tensors(foreign).items()}
    with pytest.raises(ValueError, match="no network of FreezeNet: 'grouped_mlp'; there are lenet_300_100, "):
        save(tmp_path / "net", foreign, SEED, mask)
    model, mask = tiny()
    monkeypatch.setattr(storage, "MAX_WEIGHTS", 31_499)
    with pytest.raises(ValueError, match="more than 31499 weights"):
        save(tmp_path / "net", model, SEED, mask)
    monkeypatch.setattr(storage, "MAX_WEIGHTS", 31_500)
    save(tmp_path / "net", model, SEED, mask)


def test_misfitting_mask_is_refused(tmp_path: Path) -> None:
    model, mask = tiny()
    with pytest.raises(ValueError, match=r"differ in linear2.weight"):
        save(tmp_path / "net", model, SEED, {n: m for n, m in mask.items() if n != "linear2.weight"})
    with pytest.raises(ValueError, match=r"'linear2.weight' has the shape"):
        save(tmp_path / "net", model, SEED, {**mask, "linear2.weight": mask["linear2.weight"].T})


@pytest.mark.parametrize("seed", [-1, 2**63, 2**70])
def test_seed_must_fit(seed: int, tmp_path: Path) -> None:
    model, mask = tiny(0.0)
    with pytest.raises(ValueError, match="seed must be in"):
        save(tmp_path / "net", model, seed, mask)
