"""Errors as RFC 9457 says: ``application/problem+json`` with a stable ``code``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError

from provenance.errors import EveryframeError, FetchRefused, InputError, ManifestError
from provenance.problem_document import MEDIA_TYPE, problem_document

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response

_TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    413: "Too large",
    414: "Address too long",
    415: "Unsupported media type",
    422: "Unprocessable content",
    503: "Unavailable",
}


class Problem(Exception):
    """Ends a request with ``status``."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers

    def response(self) -> JSONResponse:
        return JSONResponse(
            problem_document(
                status=self.status,
                code=self.code,
                title=_TITLES.get(self.status, "Error"),
                detail=self.detail,
            ),
            status_code=self.status,
            headers={name.replace("_", "-"): value for name, value in self.headers.items()},
            media_type=MEDIA_TYPE,
        )


class ProblemRoute(APIRoute):
    """A route that answers errors of the project as problems, wherever it is mounted."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                return problem.response()
            except (RequestValidationError, ValidationError) as error:
                said = "; ".join(
                    f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]
                )
                return Problem(400, "request.invalid", said).response()
            except EveryframeError as error:
                return _problem(error).response()

        return handle


def _problem(error: EveryframeError) -> Problem:
    detail = f"{error.message}; {error.hint}" if error.hint else error.message
    if isinstance(error, ManifestError):
        return Problem(422, error.code, detail)
    if isinstance(error, InputError):
        return Problem(415, error.code, "that is no video and no sound that can be read")
    if isinstance(error, FetchRefused):
        return Problem(400, error.code, detail)
    # What the store says names its place, which is nobody's business.
    return Problem(503, error.code, "the store cannot be used now", Retry_After="30")
