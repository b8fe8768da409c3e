"""Data sets that others published, as files on disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.datasets.dataset import DataSet, ImageData
from common.datasets.problems import corrupt, place_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Published(DataSet):
    """A data set that is read from `sources`, files and folders under the data folder.

    `fetch` is given the data folder and leaves there what is missing. `slow` ones take seconds to minutes to decode,
    and are cached. One that is `divided` by its reader was published as a whole: only the sum of `train` and `test` is
    known for certain.
    """

    sources: tuple[str, ...]
    fetch: Callable[[Path], None]
    slow: bool = True
    divided: bool = False

    def place(self, root: Path) -> Path:
        """Return the folder that holds the files, or a shell's pattern of them."""
        return place_of(root, self.sources)

    def wrong_number(self, data: ImageData) -> str | None:
        """Say how many images there are, and how many were published; None where that is the same."""
        found = self._counted(len(data.train_labels), len(data.test_labels))
        published = self._counted(self.train, self.test)
        return None if found == published else f"{found} images, where {published} were published"

    def _counted(self, train: int, test: int) -> str:
        return f"{train + test:,}" if self.divided else f"{train:,} + {test:,}"


def whole(dataset: Published, root: Path) -> ImageData:
    """Read a data set; raise CorruptError unless its images are as many as were published."""
    data = dataset.read(dataset, root)
    reason = dataset.wrong_number(data)
    if reason is not None:
        raise corrupt(dataset.name, dataset.place(root), reason)
    return data
