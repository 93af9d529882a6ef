"""Work that others need not wait for, one piece after the other."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


class Behind(AbstractContextManager["Behind"]):
    """A thread that does what it is given in that order, at most ``most`` pieces behind; use it as
    a context manager.

    What a piece of work raises is raised where a later one is given, or by :meth:`finish`. A block
    that ends without that leaves undone what is not begun.
    """

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._begun: deque[Future[None]] = deque()
        self._most = most

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def do(self, work: Callable[[], None]) -> None:
        """``work``, when what was given before is done; waits while too much is."""
        while len(self._begun) >= self._most or (self._begun and self._begun[0].done()):
            self._begun.popleft().result()
        self._begun.append(self._pool.submit(work))

    def finish(self) -> None:
        """Waits until all is done."""
        while self._begun:
            self._begun.popleft().result()
