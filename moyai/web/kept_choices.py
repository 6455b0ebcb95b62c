"""Choices that were sent when the log-in had run out: kept in this browser until the same resident is back, and then shown.

They are only ever set in the form again, never decided on. Another person who logs in here does not see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.identity.model import ResidentCaller
from moyai.web.pages import Form, keep_cookie, kept_cookie

FIELD: Final = "whose"
"""The field of the decision form by which its choices find back to whose they are."""
_PURPOSE: Final = "choices"
_SECONDS: Final = 30 * 60
_MOST_BYTES: Final = 3000


def mark_of(caller: ResidentCaller, service_id: str) -> str:
    """The same for one resident and service, and nothing to anybody else."""
    return hashlib.sha256(f"kept choices {caller.resident_id} {service_id}".encode()).hexdigest()


def keep(request: Request, form: Form, service_id: str) -> Response:
    """To the log-in and back to the form. What was pressed was not done, and the page of the log-in says so."""
    path = f"/portal/services/{service_id}"
    answer = RedirectResponse(
        f"/login?next={quote(path, safe='')}&expired=choices", 303, headers={"Cache-Control": "no-store"}
    )
    chosen = [(name, value) for name, value in form.multi_items() if name.startswith("link.")]
    value = urlencode([(FIELD, form.get(FIELD, "")), *chosen])
    if len(value) <= _MOST_BYTES:
        keep_cookie(request, answer, _PURPOSE, value, _SECONDS)
    return answer


def kept(request: Request, caller: ResidentCaller, service_id: str) -> Mapping[str, str]:
    """Link id to choice, of this resident and service; whatever else the cookie says is nothing."""
    fields = dict(parse_qsl(kept_cookie(request, _PURPOSE)))
    if fields.pop(FIELD, "") != mark_of(caller, service_id):
        return {}
    return {name.removeprefix("link."): value for name, value in fields.items()}


def forget(request: Request, response: Response) -> Response:
    keep_cookie(request, response, _PURPOSE, "", 0)
    return response
