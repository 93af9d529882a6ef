"""A resolver in a process of its own: ``python -m tests.resolver_server STORE PORT KEY``."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

from provenance.resolver import StorePool
from provenance.resolver.router import resolver_router


def main() -> None:
    store, port, key = sys.argv[1:]
    app = FastAPI()
    app.include_router(resolver_router(StorePool(store), [key]), prefix="/c2pa/v1")
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
