"""What the paper derives, measured in double precision on small networks (Sections 2 to 4 and Appendix A).

Every number is how far a statement is from holding, or the bound that it states, so that each can be checked exactly.
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from papers.fast.adoption import Adopted
from papers.fast.algorithm import Rates, adapt, classifier_velocity, error, extractor_velocity

SMALL = 1e-4  # a standard deviation of W(0) that is as good as zero
LARGE = 10.0  # one that no update of a few steps comes near


def network(classes: int, features: int, deviation: float, generator: torch.Generator) -> Adopted:
    """Return a small network in double precision whose classifier starts with this standard deviation."""
    extractor = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, features), nn.Softplus())
    weight = deviation * torch.randn(classes, features, generator=generator, dtype=torch.float64)
    model = Adopted(extractor, nn.Linear(features, classes), torch.zeros(classes, features)).double()
    with torch.no_grad():
        for parameter in extractor.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 4.0)
        model.classifier.weight.copy_(weight)
    return model


def balanced_batch(classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return inputs [2N, 12] and labels [2N] with two examples of every class."""
    labels = torch.arange(2 * classes) % classes
    return torch.randn(2 * classes, 12, generator=generator, dtype=torch.float64), labels


def of_the_gradients(classes: int, features: int, generator: torch.Generator) -> dict[str, float]:
    """Compare Eqs. 4, 5 and 8 with automatic differentiation and with plain gradient descent."""
    model = network(classes, features, 0.3, generator)
    inputs, labels = balanced_batch(classes, generator)
    weight = model.classifier.weight
    with torch.no_grad():
        a = model.extractor(inputs)
    a.requires_grad_()
    z = a @ weight.T
    loss = F.cross_entropy(z, labels, reduction="sum")
    of_z, of_a, of_weight = torch.autograd.grad(loss, [z, a, weight])
    errors, a, before = error(z.detach(), labels), a.detach(), weight.detach().clone()
    optimizer = torch.optim.SGD([weight], lr=0.7)
    weight.grad = of_weight / len(inputs)
    optimizer.step()
    return {
        "grad_logits": _far(of_z, -errors),
        "grad_features": _far(of_a, -errors @ before),
        "grad_classifier": _far(of_weight / len(inputs), -errors.T @ a / len(inputs)),
        "velocity_classifier": _far(weight - before, classifier_velocity(errors, a, 0.7)),
    }


def of_the_start(classes: int, features: int, generator: torch.Generator) -> dict[str, float]:
    """Measure loss, entropy and error where W is zero, or nearly so (Eqs. 16 to 19, Section 4.1.6)."""
    model = network(classes, features, 0.0, generator)
    inputs, labels = balanced_batch(classes, generator)
    with torch.no_grad():
        a = model.extractor(inputs)
        z = model.classifier(a)
        small = SMALL * torch.randn(classes, features, generator=generator, dtype=torch.float64)
        large = torch.randn(classes, features, generator=generator, dtype=torch.float64)
        errors = error(z, labels)
        one_hot = F.one_hot(labels, classes).double()
        random = error(a @ large.T, labels)
        few = a[:16]
        every = torch.cat([error(few @ large.T, torch.full((len(few),), label)) for label in range(classes)])
        soft = (a @ large.T).softmax(1)
    psi = float((soft * one_hot).sum(1).mean())
    uniform = torch.full_like(z, 1.0 / classes)
    return {
        "uniform": _far(z.softmax(1), uniform),
        "loss": abs(float(F.cross_entropy(z, labels)) - math.log(classes)),
        "entropy": _far(
            -(z.softmax(1) * z.log_softmax(1)).sum(1), torch.full((len(z),), math.log(classes), dtype=torch.float64)
        ),
        "small_start": _far((a @ small.T).softmax(1), uniform) / (SMALL * float(a.norm(dim=1).max()) / classes),
        "temperature": _far((a @ (large / 7.0).T).softmax(1), (a @ large.T / 7.0).softmax(1)),
        "error_norm": abs(float(_square(random).mean()) - (1.0 + float(_square(soft).mean()) - 2.0 * psi)),
        "error_norm_at_zero": abs(float(_square(errors).mean()) - (1.0 - 1.0 / classes)),
        "error_norm_above_zero": float(_square(every).mean()) - (1.0 - 1.0 / classes),
        "error_at_zero": _far(errors, one_hot - 1.0 / classes),
    }


def of_the_lemmas(classes: int, generator: torch.Generator) -> dict[str, float]:
    """Return the least squared norm of probabilities, and of vectors that sum to one, above 1 / N (Appendix A)."""
    probabilities = torch.randn(1000, classes, generator=generator, dtype=torch.float64).softmax(1)
    anything = torch.randn(1000, classes, generator=generator, dtype=torch.float64)
    to_one = anything + (1.0 - anything.sum(1, keepdim=True)) / classes
    equal = torch.full((1, classes), 3.0).double().softmax(1)
    return {
        "lemma_1": float(_square(probabilities).min()) - 1.0 / classes,
        "lemma_1_equality": abs(float(_square(equal)) - 1.0 / classes),
        "lemma_2": float(_square(to_one).min()) - 1.0 / classes,
    }


def of_the_steps(classes: int, features: int, generator: torch.Generator) -> dict[str, float]:
    """Measure the first two updates from W = 0, and from a W that no update comes near (Eqs. 14, 20 to 22)."""
    model = network(classes, features, 0.0, generator)
    first, second = balanced_batch(classes, generator), balanced_batch(classes, generator)
    one_hot = F.one_hot(first[1], classes).double()
    with torch.no_grad():
        a = model.extractor(first[0])
    moved = copy.deepcopy(model)
    adapt(moved, Rates(0.5, 0.5, 0.0), [first])
    eq20 = 0.5 / len(a) * (one_hot.T @ a - a.sum(0) / classes)
    with torch.no_grad():
        b = model.extractor(second[0])
        agree = (b @ moved.classifier.weight.T).argmax(1) == (b @ (one_hot.T @ a).T).argmax(1)
    steps = {(al, be): second_step(model, al, be, first, second) for al in (1e-6, 2e-6) for be in (0.1, 0.2)}
    return {
        "first_move": max(_far(p, q) for p, q in zip(_theta(moved), _theta(model), strict=True)),
        "first_update": _far(moved.classifier.weight.detach(), eq20),
        "prototype_agreement": float(agree.double().mean()),
        "beta_scales": _relative(steps[1e-6, 0.2], 2.0 * steps[1e-6, 0.1]),
        "alpha_scales": _relative(steps[2e-6, 0.1], 2.0 * steps[1e-6, 0.1]),
        "random_feedback": feedback(network(classes, features, LARGE, generator), first, second),
    }


def of_the_momentum(classes: int, features: int, generator: torch.Generator) -> dict[str, float]:
    """Compare the averaged momentum of the pseudo-code with heavy-ball momentum at the rates that belong to it."""
    averaged = network(classes, features, 0.3, generator)
    heavy, rates = copy.deepcopy(averaged), Rates(0.3, 0.1)
    batches = [balanced_batch(classes, generator) for _ in range(6)]
    adapt(averaged, rates, batches)
    same = rates.heavy_ball()
    parts = ((heavy.classifier, same.alpha), (heavy.extractor, same.beta))
    optimizer = torch.optim.SGD(
        [{"params": list(part.parameters()), "lr": rate} for part, rate in parts], momentum=same.momentum
    )
    for inputs, labels in batches:
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(heavy(inputs), labels))
        optimizer.step()
    pairs = zip(averaged.parameters(), heavy.parameters(), strict=True)
    return {"momentum_forms": max(_far(p, q) for p, q in pairs)}


def second_step(
    model: Adopted, alpha: float, beta: float, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
) -> Tensor:
    """Return the extractor's velocity in the second step (Eq. 22), all parameters in one vector."""
    trained = copy.deepcopy(model)
    adapt(trained, Rates(alpha, beta, 0.0), [first])
    features = trained.extractor(second[0])
    errors = error(trained.classifier(features).detach(), second[1])
    return torch.cat([v.flatten() for v in extractor_velocity(errors, features, trained, beta)])


def feedback(model: Adopted, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> float:
    """Return the least cosine between dl/da after an update and -delta W(0), the direction drawn at the start."""
    start = model.classifier.weight.detach().clone()
    adapt(model, Rates(0.1, 0.0, 0.0), [first])
    with torch.no_grad():
        errors = error(model(second[0]), second[1])
    wrong = errors.norm(dim=1) > 1e-6  # an example that is right has no gradient
    ways = -errors[wrong] @ model.classifier.weight.detach(), -errors[wrong] @ start
    return float(F.cosine_similarity(*ways).min())


def _theta(model: Adopted) -> list[Tensor]:
    return [parameter.detach() for parameter in model.extractor.parameters()]


def _far(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().max())


def _relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def _square(vectors: Tensor) -> Tensor:
    return vectors.square().sum(1)
