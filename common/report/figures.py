"""Pictures of the papers' figures, each by itself: one that fails costs neither the others nor the verdicts."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = tuple[str, Callable[[], "Figure"]]
"""A picture's name, and what makes it."""


def draw(drawings: Iterable[Drawing], folder: Path) -> list[Path]:
    """Draw pictures as PNG files into a folder that is there, and return the files written.

    One that cannot be drawn or written costs a line on stderr.
    """
    paths = []
    for name, make in drawings:
        path = folder / f"{name}.png"
        try:
            with plain_style():
                picture = io.BytesIO()
                make().savefig(picture, format="png", dpi=110)
            atomic.write(path, picture.getvalue())
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"figure {name} could not be drawn: {why}", file=sys.stderr)
        else:
            paths.append(path)
    return paths


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw in matplotlib's own style and without a screen, whatever a matplotlibrc or MPLBACKEND asks for."""
    backend = os.environ.pop("MPLBACKEND", None)  # a notebook's would be looked for when matplotlib is imported
    try:
        import matplotlib  # takes a second to load, which a plan or an error should not pay

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
