"""Errors of the OAuth endpoints in OAuth's own form (RFC 6749, section 5.2), with our stable code beside it."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from moyai.base.errors import CODES, Problem
from moyai.web.problems import retry_after

_BY_STATUS = {
    401: "invalid_client",
    403: "access_denied",
    429: "temporarily_unavailable",
    503: "temporarily_unavailable",
    500: "server_error",
}


def response(problem: Problem) -> Response:
    """`error` is the member `oauth` that was given with the problem, else the nearest by status."""
    code = CODES[problem.code]
    error = problem.extra.get("oauth", _BY_STATUS.get(code.status, "invalid_request"))
    members = {
        "error": error,
        "error_description": f"{code.en} {problem.detail or ''}".strip(),
        "code": problem.code,
        "message_ja": code.ja,
    }
    headers = {"Cache-Control": "no-store", **retry_after(problem)}
    if problem.code in ("proof_invalid", "proof_replayed"):
        members["error"] = "invalid_dpop_proof"
    if code.status == 401:
        headers["WWW-Authenticate"] = f'DPoP error="{members["error"]}", algs="ES256"'
    return Response(msgspec.json.encode(members), code.status, headers, "application/json")
