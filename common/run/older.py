"""Records of other code: which files have changed since they were made."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from common import atomic
from common.errors import UsageError
from common.experiment import Job, Procedure
from common.run.record import Store, write_atomically

FOLDER = "code"
"""The folder beside the records that names, for every hash of code in them, the files behind it."""


def note(store: Store, procedures: Iterable[Procedure]) -> None:
    """Write down the files of today's code, so that a later one can say what changed; raises UsageError."""
    folder = store.folder / FOLDER
    for procedure in procedures:
        path = folder / f"{procedure.code}.json"
        if not path.exists():
            folder.mkdir(exist_ok=True)
            write_atomically(path, json.dumps(procedure.files, indent=1) + "\n")


def mention(store: Store, older: Mapping[Job, str]) -> str:
    """Return a sentence about records of other code, with what changed since, "" for none."""
    if not older:
        return ""
    changed: dict[str, None] = {}
    for procedure, code in dict.fromkeys((job.procedure, code) for job, code in older.items()):
        before, now = _files(store.folder / FOLDER / f"{code}.json"), procedure.files
        names = sorted({*before, *now}) if before else []
        changed |= dict.fromkeys(name for name in names if before.get(name) != now.get(name))
    since = f" ({', '.join(changed)} changed since)" if changed else ""
    count, they = len(older), "it is" if len(older) == 1 else "they are"
    return f"{count} {'record' if count == 1 else 'records'} in {store.folder} of other code{since}: {they} made anew"


def _files(path: Path) -> dict[str, str]:
    """Return the files of some code, or nothing where nobody wrote them down."""
    try:
        content = json.loads(atomic.read(path))
        return {str(name): str(digest) for name, digest in content.items()}
    except (FileNotFoundError, UsageError, *atomic.DAMAGED):
        return {}
