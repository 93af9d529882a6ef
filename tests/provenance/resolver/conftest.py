from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI


class Client:
    """Asks an app in this process."""

    def __init__(self, router, base_url: str = "http://test") -> None:
        self._app = FastAPI()
        self._app.include_router(router, prefix="/v1")
        self._base_url = f"{base_url}/v1"

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def put(self, path, **options):
        return self.request("PUT", path, **options)

    def request(self, method, path, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


@pytest.fixture
def asking():
    return Client
