"""Telling clients of results: Standard Webhooks, from an outbox, to guarded addresses."""

from service.webhooks.outbox import Message, Outbox

__all__ = ["Message", "Outbox"]
