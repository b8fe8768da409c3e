"""Records, checkpoints and probes with every part replaced by something of another kind, under a checksum that fits."""

import copy
import json
import math
import random
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from common.claims.results import aggregate
from common.experiment import Metrics, Tier
from common.plan import probe
from common.plan.cost import Rate, Speeds
from common.provenance import provenance
from common.run.call import Environment
from common.run.origins import mixed, origins_of
from common.run.record import Record, Store, _checksum
from common.run.resume import CHECKPOINTS, begun, checkpoint_of, others, whole
from common.run.stale import stale
from common.train import state_file
from common.train.checkpoint import Checkpoint
from common.work import Work
from tests import conftest

KINDS = (None, True, 0, -1, 10**400, 1.5, -0.0, 1e308, 5e-324, math.nan, "", "text", "nan", [], [[]], {}, {"a": None})
ENVIRONMENT = Environment(torch.device("cpu"), Path("data"))
EXPERIMENT = conftest.experiment(seeds=1)
JOBS = EXPERIMENT.jobs(Tier.SMOKE)


def places(tree, before=()):
    """Yield the place of every part of a tree of JSON values, the whole first."""
    yield before
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*before, key))


def replaced(tree, place, value):
    """Return a copy of a tree with another value at a place."""
    if not place:
        return value
    found = copy.deepcopy(tree)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return found


def without(tree, place):
    """Return a copy of a tree that lacks what is at a place."""
    found = copy.deepcopy(tree)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    return found


def mutants(tree):
    """Yield every mutant of a tree with one part of another kind or gone, and some hundred with three of them."""
    every = list(places(tree))
    for place in every:
        for kind in KINDS:
            yield replaced(tree, place, kind)
        if place:
            yield without(tree, place)
    draw = random.Random(0)
    for _ in range(300):
        mutant = tree
        for _ in range(3):
            mutant = replaced(mutant, draw.choice(list(places(mutant))), draw.choice(KINDS))
        yield mutant


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "results")
    found.open()
    (found.folder / CHECKPOINTS).mkdir()
    return found


def test_no_record_of_another_kind_ends_in_a_traceback(store):
    job = JOBS[0]
    metrics = Metrics({"score": 0.5, "lost": math.nan}, {"curve": [0.25, -math.inf]}, withheld={"other": "why"})
    where = provenance() | {"device": "cpu", "precision": "fp32", "together": "abc"}
    store.write(job, Record(metrics, 1.5, where))
    good = json.loads(store.path(job).read_text())
    good.pop("checksum")
    kept = 0
    for mutant in mutants(good):
        signed = mutant | {"checksum": _checksum(mutant)} if isinstance(mutant, dict) else mutant
        store.path(job).write_text(json.dumps(signed))
        stale(conftest.study_of(EXPERIMENT), store)
        results = aggregate(conftest.study_of(EXPERIMENT), [job], store, {})
        assert len(results.records) + len(results.damaged) + len(store.older([job])) == 1
        for record in results.records.values():
            kept += 1
            mixed(origins_of([record]))
            curves = [number for curve in record.metrics.curves.values() for number in curve]
            numbers = [*record.metrics.scalars.values(), *curves, record.wall_seconds]
            assert all(type(number) is float for number in numbers)
            assert all(type(text) is str for text in record.metrics.withheld.values())
        assert (store.read(job) is None) == (not results.records)
        for path in store.folder.glob("*.corrupt*"):
            path.unlink()
    assert kept > 100, "what is only told, such as the commit, may be anything"


def test_no_checkpoint_of_another_kind_ends_in_a_traceback(store):
    file = checkpoint_of(JOBS, store, ENVIRONMENT)
    part = Checkpoint(file, file.tree).part("loop")
    part.node["state"] = {"weights": torch.arange(3.0), "epoch": 7}
    tensors: dict[str, torch.Tensor] = {}
    owner = {"format": state_file.FORMAT, **asdict(file.owner), "jobs": [*file.owner.jobs]}
    good = {"owner": owner, "state": state_file._without_tensors(file.tree, tensors)}
    read = 0
    for mutant in mutants(good):
        own, plain = (json.dumps(mutant.get(n) if isinstance(mutant, dict) else mutant) for n in ("owner", "state"))
        sums = {"owner_checksum": state_file._checksum(own, {}), "checksum": state_file._checksum(own + plain, tensors)}
        file.path.write_bytes(save(tensors, {"owner": own, "plain": plain, **sums}))
        read += _taken_up(file.path, store)
    assert read > 100


def test_no_header_of_another_kind_ends_in_a_traceback(store):
    file = checkpoint_of(JOBS, store, ENVIRONMENT)
    state_file.write(file.path, file.owner, {"weights": torch.arange(3.0)})
    content = file.path.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    good = json.loads(content[8:length])
    for mutant in [*mutants(good), "deep"]:
        header = b"[" * 100_000 if mutant == "deep" else json.dumps(mutant).encode()
        file.path.write_bytes(len(header).to_bytes(8, "little") + header + content[length:])
        _taken_up(file.path, store)


def _taken_up(path, store):
    """Do all that a plan and a run do with a checkpoint; return whether it was taken for a whole one."""
    content = path.read_bytes()
    taken = whole(path)
    others(store)
    list(begun(JOBS, JOBS, store, ENVIRONMENT))
    path.write_bytes(content)
    assert isinstance(checkpoint_of(JOBS, store, ENVIRONMENT).tree, dict)
    return taken


def test_no_probe_of_another_kind_ends_in_a_traceback(tmp_path, monkeypatch):
    rate = Rate(1e6, 1e9, 1e9, 2e9)
    monkeypatch.setattr(probe, "measure", lambda environment: Speeds(rate, rate, 5e9, 6e-6))
    probe.probe(ENVIRONMENT, tmp_path)
    good, used = json.loads((tmp_path / "probe.json").read_text()), 0
    for mutant in mutants(good):
        (tmp_path / "probe.json").write_text(json.dumps(mutant))
        found = probe.cached(ENVIRONMENT, tmp_path)
        if found is not None:
            used += 1
            seconds = found.speeds.seconds(Work(1e9, products=1e3, convolved=1e6, bytes=1e9, calls=1e3))
            assert math.isfinite(seconds)
            assert seconds > 0.0
    assert 0 < used < 400
