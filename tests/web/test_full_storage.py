"""F1 of the field review: while the disk is full, what writes is refused at once, `/health` says so, and reads go on."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest

from moyai.web.endpoint import _as_problem


@pytest.fixture
def full(app: Any) -> Any:
    """Whatever is free is less than what has to be."""
    space = app.state.platform.space
    space._full, space._looked_at = 1 << 62, float("-inf")
    return space


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("path", ["/personal/v1/exchange", "/login", "/oauth2/par"])
async def test_f1_what_writes_is_refused_with_a_code(web: httpx.AsyncClient, path: str) -> None:
    answer = await web.post(path)
    assert answer.status_code == 503
    assert "storage_full" in answer.text or "空き" in answer.text


@pytest.mark.usefixtures("full")
async def test_f1_health_says_that_there_is_no_room(web: httpx.AsyncClient) -> None:
    answer = await web.get("/health")
    assert (answer.status_code, answer.json()["code"], answer.json()["storage"]) == (
        503,
        "storage_full",
        "full",
    )
    assert answer.headers["retry-after"]
    assert (await web.get("/.well-known/openid-configuration")).status_code == 200


async def test_f1_with_space_again_nothing_has_to_be_reset(web: httpx.AsyncClient, full: Any) -> None:
    assert (await web.get("/health")).status_code == 503
    full._full, full._low, full._looked_at = 0, 0, float("-inf")
    answer = await web.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.json()["storage"]) == (200, "ready", "enough")
    full._low, full._looked_at = 1 << 62, float("-inf")
    assert (await web.get("/health")).json()["status"] == "degraded"


async def test_f1_metrics_say_how_much_is_free(web: httpx.AsyncClient) -> None:
    assert "moyai_free_bytes" in (await web.get("/metrics")).text


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), asyncpg.DiskFullError("could not extend file")]
)
def test_f1_no_space_in_the_middle_of_a_request_has_the_same_code(error: Exception) -> None:
    assert _as_problem(error).code == "storage_full"
