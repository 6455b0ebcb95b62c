"""`/docs` and `/openapi.json` describe the operations that this very process answers."""

from __future__ import annotations

from html import unescape

import httpx

from moyai.web.openapi import is_api
from moyai.web.routes import ROUTES


async def test_every_operation_stands_in_the_document(web: httpx.AsyncClient) -> None:
    paths = (await web.get("/openapi.json")).json()["paths"]
    found = sum(len(one) for one in paths.values())
    assert found == sum(1 for one in ROUTES if is_api(one))


async def test_a_request_that_needs_the_answer_of_another_is_piped(web: httpx.AsyncClient) -> None:
    page = await web.get("/docs")
    assert page.status_code == 200
    (line,) = [one for one in unescape(page.text).splitlines() if "moyai call" in one and "/proofing" in one]
    assert line.index("POST http") < line.index("/residents/search") < line.index(" | moyai call POST")
