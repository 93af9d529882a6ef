"""Files of a run that are there as a whole or not at all."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKING = ".making-"
"""How folders begin in which a file of a run is being made."""


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes ``path`` when the block ends well, and goes otherwise.

    Two processes that make the same file at a time both succeed; the later one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=MAKING) as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        unfinished.replace(path)
