"""Files behind links that anybody may paste: fetched past the same guard as webhooks.

Every address on the way, redirects included, is looked at after DNS, and the connection goes to the
one that was looked at (:mod:`service.guard`). No cookies, proxies or credentials; the link
itself is neither stored nor logged.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import anyio.to_thread
import httpx

from service.guard import ForbiddenTarget, find_target
from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from service.guard import Target

TIMEOUT_S = 10.0
MOST_REDIRECTS = 3
_BLOCK = 1 << 16
_MOVED = frozenset({301, 302, 303, 307, 308})


async def linked(
    url: str, *, private: bool, resolve: Callable[[str, int], list[str]] | None = None
) -> AsyncGenerator[bytes]:
    """The bytes behind ``url``, as they arrive; how many and how long is the reader's to watch.

    ``private``: as for :func:`~service.guard.find_target`. Raises
    :class:`~service.problems.Problem`: link.forbidden, link.unreadable.
    """
    try:
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=TIMEOUT_S
        ) as client:
            for _ in range(MOST_REDIRECTS + 1):
                target = await anyio.to_thread.run_sync(_target, url, private, resolve)
                async with client.stream(
                    "GET",
                    target.url,
                    headers={
                        "Host": target.host_header,
                        "User-Agent": "everyframe-verification",
                        # Packed bodies could unpack to any size.
                        "Accept-Encoding": "identity",
                    },
                    extensions={"sni_hostname": target.host},
                ) as answer:
                    if answer.status_code in _MOVED:
                        url = urljoin(url, answer.headers.get("location", ""))
                        continue
                    _check(answer)
                    async for block in answer.aiter_raw(_BLOCK):
                        yield block
                    return
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Its text may hold the address.
        raise Problem("link.unreadable", f"The server failed: {type(error).__name__}.") from None
    raise Problem("link.unreadable", "It leads on and on.")


def _target(url: str, private: bool, resolve: Callable[[str, int], list[str]] | None) -> Target:
    try:
        return find_target(url, private=private, resolve=resolve)
    except ForbiddenTarget as error:
        raise Problem("link.forbidden", f"The link may not be followed: {error}.") from None


def _check(answer: httpx.Response) -> None:
    if answer.status_code != HTTPStatus.OK:
        raise Problem("link.unreadable", f"The server answered {answer.status_code}.")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Problem("link.unreadable", "The server sent it packed, although asked not to.")
