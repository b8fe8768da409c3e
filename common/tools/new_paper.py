"""`nox -s new-paper -- NAME` writes a paper package that runs as it stands, to be changed piece by piece.

What it writes are the files of the folder `template`, with the name put in: the package, its expectations and its
tests. `CONTRIBUTING.md` walks through them.
"""

import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from common import atomic
from common.code_hash import ROOT
from common.command import Parser, exit_code
from common.errors import UsageError

TEMPLATE = Path(__file__).parent / "template"
SUFFIX = ".txt"  # of a file of the template: nothing takes it for code
LONGEST = 24  # letters of a name: lines stay short enough


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the package that the command line names; 2 where the name cannot be taken."""
    return exit_code(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s new-paper --", description="Write a paper package that runs as it stands.")
    parser.add_argument("name", help="of the package, such as warm_starts")
    parser.add_argument("--title", help="of the paper; default: the name in words")
    options = parser.parse_args(arguments)
    title = " ".join((options.title or options.name.replace("_", " ").capitalize()).split())
    for path in write(options.name, title, ROOT):
        print(path.relative_to(ROOT))
    print(f"\nrun it:  nox -s smoke -- papers/{options.name}")
    print(f"test it: nox -s tests -- tests/papers/{options.name}")
    return 0


def write(name: str, title: str, root: Path) -> list[Path]:
    """Write the files of a package below `root` and return them.

    Raises UsageError where the name is none for a package or is taken, before anything is written.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or len(name) > LONGEST:
        raise UsageError(
            f"'{name}' is no name for a package: up to {LONGEST} small letters, digits and _, as in my_paper"
        )
    if not title.isprintable() or "'" in title or '"' in title or "\\" in title:
        raise UsageError(f"the title {title!r} stands in Python and YAML: leave out quotes and backslashes")
    files = {root / _named(source, name): source for source in sorted(TEMPLATE.rglob(f"*{SUFFIX}"))}
    for folder in (root / "papers" / name, root / "tests" / "papers" / name, root / "expectations" / f"{name}.yaml"):
        if folder.exists():
            raise UsageError(f"{folder.relative_to(root)} is there already: choose another name")
    for path, source in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8")).substitute(name=name, title=title)
        atomic.write(path, text.encode())
    return list(files)


def _named(source: Path, name: str) -> Path:
    """Return where a file of the template goes, from the root on."""
    parts = [part.replace("NAME", name) for part in source.relative_to(TEMPLATE).parts]
    return Path(*parts).with_suffix("")


if __name__ == "__main__":
    sys.exit(main())
