"""Every answer of the API is one that its description names: a status, and the code of a problem (stranger 4, 5).

The clients that tests reach the application with look at each answer, whatever the test is about.
"""

from __future__ import annotations

import re
from functools import cache

import httpx

from moyai.base.errors import CODES
from moyai.web.openapi import codes_of, good_statuses, is_api
from moyai.web.operation import Operation
from moyai.web.routes import ROUTES


@cache
def _patterns() -> list[tuple[re.Pattern[str], Operation]]:
    found: list[tuple[re.Pattern[str], Operation]] = []
    for operation in ROUTES:
        path = re.sub(r"\\\{[a-z_]+:path\\\}", ".+", re.escape(operation.path))
        found.append((re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", path)), operation))
    return found


def operation_of(method: str, path: str) -> Operation | None:
    """The operation of the API that answers, fixed paths before those with a part that varies."""
    fitting = [one for pattern, one in _patterns() if one.method == method and pattern.fullmatch(path)]
    exact = [one for one in fitting if "{" not in one.path]
    found = (exact or fitting or [None])[0]
    return found if found is not None and is_api(found) else None


def undeclared(method: str, path: str, status: int, code: str | None) -> str | None:
    """What is wrong with an answer; None where it is declared, or no operation's."""
    operation = operation_of(method, path)
    if operation is None or status in good_statuses(operation):
        return None
    if operation.errors == "ngsi" and status == 501:
        return None  # a platform without a broker says so
    told = f"{method} {operation.path} answered {status} {code or ''}"
    if code is not None:
        return None if code in codes_of(operation) and CODES[code].status == status else told
    declared = {CODES[one].status for one in codes_of(operation)}
    return None if status in declared else told


async def look(response: httpx.Response) -> None:
    """For `event_hooks` of an httpx client."""
    code = None
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        await response.aread()
        code = response.json().get("code")
    wrong = undeclared(response.request.method, response.request.url.path, response.status_code, code)
    assert wrong is None, f"{wrong}, which its description does not name"
