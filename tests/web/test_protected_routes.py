"""A protected resident on every route that residents have: no answer says where they live, to them or to whom they share with.

The routes are read from the table, so a new one is asked by itself. Where an answer of their own has to say something that
follows from the town, `TOLD` and `DIFFERS` say which, and why.
"""

from __future__ import annotations

import base64
import contextlib
import html
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import product

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.web.operation import AnyOf, Demand, Operation, PortalSession, Resident
from moyai.web.routes import ROUTES
from tests.consent.conftest import Walk
from tests.factories import C2
from tests.web.peers import form_of
from tests.web.protected import CODE, MARKS, share
from tests.web.protected_scene import Reader, Scene, caller_of, scene_of

PUBLIC = "The towns that a service is for stand in the public catalogue, and are the same whoever asks."
TOLD: dict[str, tuple[frozenset[str], str]] = {
    "/consent/v1/services": (frozenset({CODE}), PUBLIC),
    "/consent/v1/consents": (frozenset({CODE}), PUBLIC),
    "/consent/v1/overview": (frozenset({CODE}), PUBLIC),
    "/consent/v1/services/{service}/presentation": (frozenset({CODE}), PUBLIC),
}
"""Marks that an answer may hold, by path, and why."""

BEGINNING = "Who begins with a service is told whether it is for them: else nobody could use one."
DIFFERS: dict[str, str] = {
    "/consent/v1/services/{service}/presentation": BEGINNING,
    "/portal/services/{service}": BEGINNING,
}
"""Paths of the resident's own whose answer may depend on the town, and why."""


NOT_HERS = {
    "/portal/sharing/{sharing}",
    "/consent/v1/sharings/{sharing}/items",
    "/consent/v1/services/{service}/enrolment",
}
"""What shows her nothing: whom she shares with looks there, and she is not in the middle of beginning with a service."""

FORMS: dict[str, dict[str, str]] = {
    "/portal/services/{service}/enrolment": {"step": "choose"},
    "/portal/services/{service}/withdrawal": {"links": "all"},
    "/portal/transfers/{transfer}": {"act": "decline"},
    "/portal/sharing/accept": {"code": "ABCD-EFGH"},
}


@pytest.fixture
async def scene(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient
) -> AsyncIterator[Scene]:
    async with scene_of(control, box, app, web) as made:
        yield made


def _demands(demand: Demand) -> Iterator[Demand]:
    yield from demand.demands if isinstance(demand, AnyOf) else (demand,)


def _routes(kind: type[Demand], *, reading: bool) -> list[Operation]:
    found = [one for one in ROUTES if any(isinstance(demand, kind) for demand in _demands(one.auth))]
    return [one for one in found if (one.method == "GET") is reading]


def _paths(scene: Scene, operation: Operation) -> list[str]:
    parts = re.findall(r"\{(\w+)\}", operation.path)
    missing = [part for part in parts if not scene.names.get(part)]
    assert not missing, f"{operation.path}: say in protected_scene.py what stands for {missing}"
    return [
        operation.path.format(**dict(zip(parts, chosen, strict=True)))
        for chosen in product(*(scene.names[part] for part in parts))
    ]


class _Undone(Exception):
    pass


async def _ask(control: Connection, reader: Reader, operation: Operation, path: str) -> httpx.Response:
    """Each from the same state: what one leaves behind, a line in the history, say, is undone before the next."""
    with contextlib.suppress(_Undone):
        async with control.transaction():
            answer = await _send(reader, operation, path)
            raise _Undone
    return answer


async def _send(reader: Reader, operation: Operation, path: str) -> httpx.Response:
    """As the page's visitor or, where an app asks, with its token."""
    if any(isinstance(one, Resident) for one in _demands(operation.auth)):
        body = (operation.description.example or {}).get("body", {})
        sent = {} if operation.method == "GET" else {"json": body}
        return await reader.app.call(operation.method, path, reader.token, **sent)
    if operation.method == "GET":
        return await reader.http.get(path)
    token = form_of(await reader.http.get("/portal/access"), "/portal/access")["csrf"]
    return await reader.http.post(path, data={"csrf": token, **FORMS.get(operation.path, {})})


Read = dict[tuple[Operation, str], httpx.Response]


async def _reading(
    control: Connection, scene: Scene, reader: Reader, languages: Sequence[str] = ("ja",)
) -> Read:
    """Everything that can be read by one of them."""
    found: Read = {}
    for kind in (PortalSession, Resident):
        for operation in _routes(kind, reading=True):
            paths = _paths(scene, operation)
            if kind is PortalSession:
                paths = [f"{path}?lang={language}" for path in paths for language in languages]
            for path in paths:
                found[operation, path] = await _ask(control, reader, operation, path)
    return found


def _opened(text: str) -> str:
    """An answer as somebody reads it who looks closely: escapes undone, and what signed texts hold."""
    parts = [text, html.unescape(text)]
    for token in re.findall(r"eyJ[\w-]{8,}\.[\w-]{8,}", text):
        payload = token.split(".")[1]
        parts.append(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode(errors="replace"))
    return "\n".join(parts)


def _assert_unmarked(operation: Operation, path: str, answer: httpx.Response) -> None:
    assert answer.status_code < 500, (path, answer.text)
    allowed = TOLD.get(operation.path, (frozenset(), ""))[0]
    told = _opened(answer.text) + repr(answer.headers)
    found = [mark for mark in MARKS if mark in told and mark not in allowed]
    assert not found, f"{operation.method} {path}: {found}"


async def test_people_m4_no_answer_to_her_names_town_office_or_address(
    control: Connection, scene: Scene
) -> None:
    read = await _reading(control, scene, scene.her, ("ja", "en"))
    for (operation, path), answer in read.items():
        _assert_unmarked(operation, path, answer)
    shown = {operation.path for (operation, _), answer in read.items() if answer.status_code == 200}
    assert {operation.path for operation, _ in read} - shown == NOT_HERS


async def test_people_m4_no_answer_to_whom_she_shares_with_names_them(
    control: Connection, scene: Scene
) -> None:
    read = await _reading(control, scene, scene.viewer, ("ja", "en"))
    for (operation, path), answer in read.items():
        _assert_unmarked(operation, path, answer)


@pytest.mark.parametrize("kind", [PortalSession, Resident])
async def test_people_m4_no_answer_to_what_she_does_names_them(
    control: Connection, scene: Scene, kind: type[Demand]
) -> None:
    for operation in _routes(kind, reading=False):
        for path in _paths(scene, operation):
            _assert_unmarked(operation, path, await _ask(control, scene.her, operation, path))


def _lasting(answer: httpx.Response) -> str:
    """An answer without what is another one each time that it is given: times, and numbers for forms and enquiries."""
    text = re.sub(
        r'name="(once|csrf)" value="[^"]*"|<code translate="no">[0-9a-f]{24}</code>', "", answer.text
    )
    text = re.sub(r'"correlation_id":"[0-9a-f]*"', "", text)
    return f"{answer.status_code} " + re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+\d\d:\d\d)", "", text)


def _changed(before: Read, after: Read) -> set[str]:
    return {key[1] for key, answer in before.items() if _lasting(answer) != _lasting(after[key])}


async def _moves(control: Connection, scene: Scene) -> None:
    await control.execute(
        "update identity.resident set municipality_code = $2, desk_key = $3 where resident_key = $1",
        scene.hidden.resident.resident_key,
        C2,
        scene.hidden.town.c2.key,
    )


async def test_people_m4_only_who_begins_with_a_service_reads_what_follows_from_the_town(
    control: Connection, scene: Scene
) -> None:
    """Not by exclusion either: nothing is missing, marked or closed in one town and not in another."""
    before = await _reading(control, scene, scene.her)
    theirs = await _reading(control, scene, scene.viewer)
    await _moves(control, scene)
    after = await _reading(control, scene, scene.her)
    changed = {key[0].path for key in before if key[1] in _changed(before, after)}
    assert changed == set(DIFFERS)
    assert not _changed(theirs, await _reading(control, scene, scene.viewer))


async def test_people_m4_what_closes_because_she_moved_reads_like_what_the_registry_ended(
    control: Connection, box: SecretBox, scene: Scene
) -> None:
    """To whom she shares with: the service of one town alone would tell that she left it."""
    await Walk(control, box, caller_of(scene.hidden), scene.own[0].id).join()
    scene.names["sharing"] = [await share(control, scene.hidden, scene.daughter, *scene.own)]
    opened = await _reading(control, scene, scene.viewer)
    with contextlib.suppress(_Undone):
        async with control.transaction():
            await control.execute(
                "update registry.link set state = 'ended' where link_key = $1", scene.own[1].key
            )
            closed = await _reading(control, scene, scene.viewer)
            raise _Undone
    await _moves(control, scene)
    moved = await _reading(control, scene, scene.viewer)
    assert _changed(opened, moved)
    assert _changed(closed, moved) == {"/consent/v1/services"}, "where alone the link is missing"
