"""Random numbers of a replicate: one independent stream for every purpose."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream(seed: int, purpose: str) -> int:
    """Return the seed of one purpose's random numbers, the same for all arms of a replicate."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:6], "big")


@contextmanager
def global_draws(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the framework's own random numbers, which dropout takes, on the CPU and a device, and give them back."""
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        yield
