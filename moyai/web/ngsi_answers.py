"""Answers of the NGSI paths: JSON bodies, Orion's error form, and its correlator header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.context.errors import Kind, NgsiError
from moyai.web.operation import CORRELATION_ID
from moyai.web.problems import retry_after

_KINDS: Final = {
    "body_too_large": Kind.REQUEST_ENTITY_TOO_LARGE,
    "malformed_request": Kind.PARSE_ERROR,
    "method_not_allowed": Kind.METHOD_NOT_ALLOWED,
    "not_found": Kind.BAD_REQUEST,
    "not_implemented": Kind.NOT_IMPLEMENTED,
    "unsupported_media_type": Kind.UNSUPPORTED_MEDIA_TYPE,
}
_KINDS_OF_STATUS: Final = {
    400: Kind.BAD_REQUEST,
    401: Kind.UNAUTHORIZED,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    422: Kind.BAD_REQUEST,
    429: Kind.TOO_MANY_REQUESTS,
    501: Kind.NOT_IMPLEMENTED,
    503: Kind.SERVICE_UNAVAILABLE,
}


def json_answer(
    request: Request | None, value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type="application/json",
        headers={**_common(request), **(headers or {})},
    )


def text_answer(request: Request, text: str) -> Response:
    return Response(text, media_type="text/plain", headers=_common(request))


def empty_answer(request: Request, status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=status, headers={**_common(request), **(headers or {})})


def error_answer(
    request: Request | None, error: NgsiError, headers: Mapping[str, str] | None = None
) -> Response:
    """`{"error", "description"}` with the status that the kind of error has."""
    body = {"error": error.kind.error, "description": error.description}
    return json_answer(request, body, error.kind.status, headers)


def problem_answer(
    request: Request | None, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    """A platform's problem in NGSI's form; the description begins with the stable code."""
    description = f"{problem.code}: {problem.detail}" if problem.detail else problem.code
    allow = problem.extra.get("allow")
    given = retry_after(problem) | ({"Allow": ", ".join(allow)} if allow else {})
    if problem.status == 401:
        given["WWW-Authenticate"] = 'DPoP algs="ES256"'
    kind = _KINDS.get(problem.code) or _KINDS_OF_STATUS.get(problem.status, Kind.INTERNAL_SERVER_ERROR)
    return error_answer(request, NgsiError(kind, description), given)


def _common(request: Request | None) -> dict[str, str]:
    correlator = None
    if request is not None:
        correlator = request.headers.get("fiware-correlator") or request.scope.get(CORRELATION_ID)
    return {"Fiware-Correlator": _printable(correlator) or str(random_uuid()), "Cache-Control": "no-store"}


def _printable(correlator: str | None) -> str:
    """Only what may stand in a header again."""
    return "".join(c for c in correlator or "" if " " < c <= "~")[:128]
