"""Random numbers of a replicate: one independent stream for every purpose."""

import hashlib


def stream(seed: int, purpose: str) -> int:
    """Return the seed of one purpose's random numbers, the same for all arms of a replicate."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:6], "big")
