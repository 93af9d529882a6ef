"""The web page: public verification for everybody, without a key."""

from service.web.page import page_router

__all__ = ["page_router"]
