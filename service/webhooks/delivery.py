"""Sending what is in the outbox: signed by Standard Webhooks, to the address that was checked."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import httpx
from standardwebhooks import Webhook

from provenance.errors import StoreError
from service.guard import ForbiddenTarget, find_target

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from service.guard import Target
    from service.webhooks.outbox import Message, Outbox

LOG = logging.getLogger("service.webhooks")
TIMEOUT_S = 10.0
LEASE_S = 60.0
IDLE_S = 0.5


class Delivery:
    """``private``: private addresses may be called; ``resolve``: DNS, of the system by default;
    ``timeout_s``: for a receiver, from the connection to the head of its answer.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        clock: Callable[[], float],
        private: bool,
        resolve: Callable[[str, int], list[str]] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._private = private
        self._resolve = resolve
        self._timeout_s = timeout_s

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                busy = self.send_one()
            except StoreError as error:
                LOG.warning("outbox: %s", error.message)
                busy = False
            except Exception:
                LOG.exception("outbox")
                busy = False
            if not busy:
                stop.wait(IDLE_S)

    def send_one(self) -> bool:
        """Sends the message that is due; False when there is none.

        Whatever is wrong with its address, its secret or its receiver counts as no answer, so that
        messages to others go out.
        """
        message = self._outbox.claim(LEASE_S)
        if message is None:
            return False
        status = None
        try:
            target = find_target(message.url, private=self._private, resolve=self._resolve)
            status = anyio.run(self._send, message, target)
        except ForbiddenTarget as error:
            LOG.warning("webhook %s: the address may not be called: %s", message.id, error)
        except StoreError:
            raise  # the database's fault: the message comes back when its lease has run out
        except Exception as error:  # noqa: BLE001 its text may hold the secret or the address
            LOG.warning("webhook %s: %s", message.id, type(error).__name__)
        self._outbox.settle(message, status)
        return True

    async def _send(self, message: Message, target: Target) -> int:
        now = datetime.fromtimestamp(self._clock(), UTC)
        headers = {
            "Host": target.host_header,
            "Content-Type": "application/json",
            "User-Agent": "everyframe-webhooks",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        secret = self._outbox.secret(message.tenant)
        if secret is not None:
            signature = Webhook(secret).sign(message.id, now, message.body)
            headers["webhook-signature"] = signature
        # No proxies or credentials from the environment, and no redirects: they would lead past
        # the guard. TLS is for the name, the connection for the address that was looked at.
        # The time is for all of it: a receiver may send a byte now and then, for ever.
        with anyio.fail_after(self._timeout_s):
            async with (
                httpx.AsyncClient(
                    trust_env=False, follow_redirects=False, timeout=self._timeout_s
                ) as client,
                client.stream(
                    "POST",
                    target.url,
                    content=message.body,
                    headers=headers,
                    extensions={"sni_hostname": target.host},
                ) as answer,
            ):
                return answer.status_code
