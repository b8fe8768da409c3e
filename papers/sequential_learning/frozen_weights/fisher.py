"""The paper's measures of invariance: the Fisher discriminative score (Eq. 1) and input sensitivity (Definition 4)."""

from collections.abc import Callable

import torch
from torch import Tensor


def fisher_score(features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return [R], the Fisher discriminative score of features [R, n, D] with labels [n] (Eq. 1), in double precision.

    It is the mean over all pairs of classes that occur of |m1 - m0|^4 / ((m1 - m0)^T (S0 + S1) (m1 - m0)), with a
    class's mean m and its population covariance S; greater is more invariant within classes. A pair without variance
    along m1 - m0 makes the score infinite; one with equal means makes it NaN, for then both sides are zero. Nothing
    larger than [R, n, D] or [R, n, classes] is formed, and nothing but the labels is read back from the device.

    Raises ValueError for shapes that do not match, labels outside the classes, or fewer than two classes that occur.
    """
    if features.dim() != 3 or labels.shape != features.shape[1:2]:
        raise ValueError(f"features {list(features.shape)} and labels {list(labels.shape)} are not [R, n, D] and [n]")
    occurring = sorted(set(labels.tolist()))
    if len(occurring) < 2:
        raise ValueError(f"a Fisher score compares classes, and {len(occurring)} of {num_classes} occur")
    if occurring[0] < 0 or occurring[-1] >= num_classes:
        raise ValueError(f"labels from {occurring[0]} to {occurring[-1]} do not name {num_classes} classes")
    features = features.double()
    features = features - features.mean(1, keepdim=True)
    member = (labels[:, None] == labels.new_tensor(occurring)).double()  # [n, C]
    share = (member / member.sum(0)).T  # [C, n] averages over a class
    means = share @ features  # [R, C, D]
    own = member.argmax(1)
    centred = features - means[:, own]
    to_means = centred @ means.mT  # [R, n, C]
    along = to_means - to_means.gather(2, own[None, :, None].expand(len(features), -1, 1))  # on m_b - m_own
    spread = share @ along.square()  # [R, C, C]: variance of class a along m_b - m_a
    distance = torch.cdist(means, means, compute_mode="donot_use_mm_for_euclid_dist")
    first, second = torch.triu_indices(len(occurring), len(occurring), offset=1, device=features.device)
    return (distance**4 / (spread + spread.mT))[:, first, second].mean(1)


@torch.no_grad()
def sensitivity(logits_of: Callable[[Tensor], Tensor], images: Tensor, moved: Tensor, step: float) -> Tensor:
    """Return [R], the mean over images of |d f(phi_h(x)) / dh| for phi_h(x) = x + h (moved - x) (Definition 4).

    `logits_of` maps images [R, n, ...] to logits [R, n, classes]; `images` and `moved` are alike in shape. The
    derivative at h = 0 is the central difference of f at h = step and -step; smaller is more invariant.

    Raises ValueError for shapes that differ or a step that is not positive.
    """
    if images.shape != moved.shape:
        raise ValueError(f"images {list(images.shape)} and moved images {list(moved.shape)} differ in shape")
    if not step > 0.0:
        raise ValueError(f"step = {step}: it is positive")
    ahead, behind = (logits_of(images + h * (moved - images)) for h in (step, -step))
    derivative: Tensor = (ahead - behind) / (2.0 * step)
    return derivative.square().sum(2).sqrt().mean(1)
