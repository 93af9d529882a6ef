"""The OpenAPI document holds: requests drawn from it, good and bad, get answers that it names."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from service.accounts import SCOPES, Quota
from service.app import create_app
from service.services import open_services
from service.settings import Bounds, Settings

USED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "ignored_auth",
]
# There are no weights here, so that 503 is the right answer to a request that could be fulfilled.
UNARMED = {"/v2/generate", "/v1/stream"}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    chosen = Settings(
        data=tmp_path_factory.mktemp("api") / "service",
        object_stores=("s3://videos/",),
        bounds=Bounds(upload_bytes=100_000, waiting=10**6, wait_s=0.01),
    )
    with open_services(chosen) as services:
        tenant = services.accounts.create_tenant("acme", quota=Quota())
        key = services.accounts.create_key(tenant.id, SCOPES, actor="test")
        loaded = schemathesis.openapi.from_asgi(
            "/v1/openapi.json", create_app(chosen, opened=services)
        )
        loaded.config.update(headers={"Authorization": f"Bearer {key}"})
        yield loaded


OPERATIONS = [
    (path, method, mode)
    for path, item in create_app(Settings()).openapi()["paths"].items()
    for method, operation in item.items()
    for mode in GenerationMode
    # Where nothing can be sent, nothing wrong can be.
    if mode == GenerationMode.POSITIVE or operation.keys() & {"parameters", "requestBody"}
]


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_answers_are_those_of_the_document(api, path, method, mode):
    operation = api[path][method]
    used = [name for name in USED if path not in UNARMED or name != "not_a_server_error"]

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call_and_validate(checks=[CHECKS.get_one(name) for name in used])
        assert answer.status_code != 500

    ask()
