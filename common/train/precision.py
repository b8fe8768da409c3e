"""How exactly a GPU multiplies: single precision, TensorFloat-32, or bfloat16 where a recipe says so.

On a CPU the first two are both single precision.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = ("fp32", "tf32", "bf16")


def used(precision: str, device: torch.device) -> str:
    """Return the precision that a device takes for this one."""
    return "fp32" if precision == "tf32" and device.type == "cpu" else precision


@contextmanager
def multiplying(precision: str, device: torch.device) -> Iterator[None]:
    """Multiply matrices and convolve with this precision, and go back to what was set before.

    "fp32" has 24 bits of mantissa, "tf32" 11 on GPUs that know it, "bf16" 8: products run in bfloat16 while weights,
    sums and BatchNorm's statistics stay in single precision. Raises ValueError for another name.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision != "fp32"
    try:
        # a cache would keep every weight as it was when it was first converted, however it is trained afterwards
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False):
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
