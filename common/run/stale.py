"""Records that no command of the present code reads: they were made with other settings."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from common import atomic
from common.errors import UsageError
from common.experiment import Replicates
from common.run.expand import expand
from common.run.lock import held
from common.run.record import SCHEMA, Store
from common.study import Study


def stale(study: Study, store: Store) -> list[Path]:
    """Return the records of settings other than those of the study's whole package.

    Other seeds and scales of what is declared count as settings of today. A file that cannot be read, or is damaged, is
    no record.
    """

    @cache
    def keys(seed: int, scale: float) -> frozenset[str]:
        own = [replace(experiment, scale=1.0).at_scale(scale) for experiment in study.package.experiments]
        return frozenset(job.key for job in expand(Study(study.package, study.tier, own, Replicates(seed, 1))))

    paths = sorted(store.folder.glob("*.json"))
    known = {job.key for job in expand(study.whole)} if paths else set()
    unknown = [path for path in paths if path.stem not in known]
    return [path for path, seed, scale in _records(unknown) if seed is None or path.stem not in keys(seed, scale)]


def _records(paths: Sequence[Path]) -> Iterator[tuple[Path, int | None, float]]:
    """Yield every record with its seed and its scale; without a seed where it has a form that is no longer read."""
    for path in paths:
        try:
            content = json.loads(atomic.read(path))
            if content["schema"] != SCHEMA:
                yield path, None, 1.0
                continue
            seed, scale = content["seed"], content["scale"]
        except (FileNotFoundError, UsageError, *atomic.DAMAGED):
            continue
        if type(seed) is int and type(scale) is float and 0.0 < scale <= 1.0:
            yield path, seed, scale


def mention(paths: Sequence[Path], store: Store) -> str:
    """Return a sentence about stale records and what can be done about them, "" for none."""
    if not paths:
        return ""
    one = len(paths) == 1
    return (
        f"{len(paths)} {'record' if one else 'records'} in {store.folder} {'has' if one else 'have'} other settings; "
        f"{'it stays' if one else 'they stay'}, unread; this command with --prune deletes {'it' if one else 'them'}"
    )


def prune(study: Study, store: Store) -> str:
    """Delete the records of other settings, and return a sentence that says how many."""
    if not store.folder.is_dir():
        return f"there are no records in {store.folder}"
    with held(store.folder):
        paths = stale(study, store)
        for path in paths:
            path.unlink(missing_ok=True)
    return f"{len(paths)} records of other settings deleted in {store.folder}"
