from __future__ import annotations

import pytest

from benchmarks.postgres import running_postgres
from provenance.store import open_managed_store


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def address(request, tmp_path):
    """Where a store may be made that nobody else has."""
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def store(address):
    with open_managed_store(address) as opened:
        yield opened
