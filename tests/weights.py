"""ImageNet weights for tests, which are random."""

import hashlib

import torch
from torchvision import models


def write_weights(name, root, monkeypatch):
    """Write random weights where the published ones are looked for, under a name that carries their digest."""
    folder = root / "weights"
    folder.mkdir()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = models.get_model(name).state_dict()
    torch.save(state, folder / "unnamed")
    digest = hashlib.sha256((folder / "unnamed").read_bytes()).hexdigest()[:8]
    (folder / "unnamed").rename(folder / f"{name}-{digest}.pth")
    published = models.get_model_weights(name).IMAGENET1K_V1.value
    monkeypatch.setattr(published, "url", f"https://weights.invalid/{name}-{digest}.pth")
    return state
