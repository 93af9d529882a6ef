"""Who may do what: the API key of a request, its scopes, and its rate."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import anyio.to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from provenance.errors import OptionError
from service.accounts import Accounts, Caller, Quota, Scope
from service.problems import Problem
from service.services import Services

BEARER = HTTPBearer(auto_error=False, description="An API key: ltx_…", scheme_name="key")
PUBLIC_KEY = "public"
PUBLIC_SCOPES: frozenset[str] = frozenset({"scans:write", "scans:read"})
_READS_PER_SCAN = 10
"""Who sends one file a minute may look after it ten times a minute."""


def services_of(request: Request) -> Services:
    """The parts of the service that the request came to."""
    services: Services = request.app.state.services
    return services


ServicesHere = Annotated[Services, Depends(services_of)]


class May:
    """A dependency that gives the caller, if its key has the scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(
        self,
        request: Request,
        services: ServicesHere,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    ) -> Caller:
        caller = await anyio.to_thread.run_sync(_caller, services, credentials)
        if self._scope not in caller.scopes:
            raise Problem("auth.forbidden", f"It lacks the scope {self._scope}.")
        if is_public(caller):
            # One visitor must not use up what is there for all.
            visitor = services.visitors.name(request.client.host if request.client else None)
            often = services.settings.visitor_per_minute
            often *= 1 if self._scope == "scans:write" else _READS_PER_SCAN
            services.rates.take(f"{visitor} {self._scope}", often)
        services.rates.take(caller.tenant.id, caller.tenant.quota.per_minute)
        return caller


def is_public(caller: Caller) -> bool:
    """Whether anybody could be the caller: then what others sent is not for their eyes."""
    return caller.key == PUBLIC_KEY


def _caller(services: Services, credentials: HTTPAuthorizationCredentials | None) -> Caller:
    if credentials is not None:
        caller = services.accounts.caller(credentials.credentials)
        if caller is None:
            raise Problem("auth.invalid")
        return caller
    name = services.settings.public
    tenant = None if name is None else services.accounts.tenant(name)
    if tenant is None:
        raise Problem("auth.missing")
    return Caller(tenant=tenant, key=PUBLIC_KEY, scopes=PUBLIC_SCOPES)


def open_public(accounts: Accounts, name: str) -> None:
    """Makes the tenant whose scans those without a key are, unless it is there."""
    if accounts.tenant(name) is None:
        with suppress(OptionError):  # another server was quicker
            accounts.create_tenant(name, quota=Quota())
