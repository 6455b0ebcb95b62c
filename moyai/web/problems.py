"""Errors rise as `moyai.base.errors` and become problem documents (RFC 9457) here, and nowhere else."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from moyai.base.errors import CODES, Problem


def document(problem: Problem, base_url: str, correlation_id: str) -> dict[str, Any]:
    """The members of a problem document: the text in both languages, what to do next, where to read more."""
    code = CODES[problem.code]
    return {
        "type": f"{base_url}/errors/{problem.code}",
        "title": code.en,
        "title_ja": code.ja,
        "status": code.status,
        "code": problem.code,
        "next": code.next_en,
        "next_ja": code.next_ja,
        **({"detail": problem.detail} if problem.detail else {}),
        **problem.extra,
        "correlation_id": correlation_id,
    }


_WWW_AUTHENTICATE = {
    "unauthenticated": 'DPoP algs="ES256"',
    "token_invalid": 'DPoP error="invalid_token", algs="ES256"',
    "token_expired": 'DPoP error="invalid_token", algs="ES256"',
    "proof_invalid": 'DPoP error="invalid_dpop_proof", algs="ES256"',
    "proof_replayed": 'DPoP error="invalid_dpop_proof", algs="ES256"',
}


def _step_up(problem: Problem) -> str:
    """RFC 9470, section 3: with which parameters to have the resident log in again."""
    asked = "".join(f', {name}="{problem.extra[name]}"' for name in ("acr_values", "max_age"))
    return f'DPoP error="insufficient_user_authentication", algs="ES256"{asked}'


def retry_after(problem: Problem) -> dict[str, str]:
    """When to ask again, as a header, where asking again is what to do; in whatever form the error is given."""
    return {"Retry-After": str(problem.extra.get("retry_after", 5))} if problem.status in (429, 503) else {}


def response(problem: Problem, base_url: str, correlation_id: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if problem.code in _WWW_AUTHENTICATE:
        headers["WWW-Authenticate"] = _WWW_AUTHENTICATE[problem.code]
    if problem.code == "insufficient_user_authentication":
        headers["WWW-Authenticate"] = _step_up(problem)
    headers |= retry_after(problem)
    if "allow" in problem.extra:
        headers["Allow"] = ", ".join(problem.extra["allow"])
    return Response(
        msgspec.json.encode(document(problem, base_url, correlation_id)),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=headers,
    )
