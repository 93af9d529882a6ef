"""Bodies on their way in: hashed, counted and bounded while they arrive."""

from service.uploads.receiving import Received, receive

__all__ = ["Received", "receive"]
