"""Residents of `moyai call --resident`: found in `run.json`, and what the touch point holds for them between calls."""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec

from moyai.base import files
from moyai.base.config import Home
from moyai.calling import CallError
from moyai.up.person import Authorization, Login, Person


class Somebody(msgspec.Struct, frozen=True):
    """A resident as `run.json` has them; `subjects` by client."""

    key: str
    resident_id: str
    login: str
    password: str
    totp_secret: str
    municipality: str
    subjects: dict[str, str]


class _Link(msgspec.Struct, frozen=True):
    provider: str
    consumer: str


class _Service(msgspec.Struct, frozen=True):
    id: str
    municipalities: list[str]
    links: list[_Link]


class _Client(msgspec.Struct, frozen=True):
    id: str
    component: str | None


class _TouchPoint(msgspec.Struct, frozen=True):
    id: str


class RunFile(msgspec.Struct, frozen=True):
    """The members of `run.json` that are needed here."""

    base_url: str
    residents: list[Somebody]
    services: list[_Service]
    clients: list[_Client]
    touch_point: _TouchPoint


def read_run_file(home: Home) -> RunFile:
    """Raises CallError where no platform of `moyai up` runs."""
    try:
        return msgspec.json.decode(home.run_file.read_bytes(), type=RunFile)
    except (FileNotFoundError, msgspec.ValidationError) as error:
        raise CallError(f"--resident needs the residents of a running `moyai up` (--dir): {error}") from error


def find(run: RunFile, who: str) -> Somebody:
    """A resident by login or key, or the first `using:SERVICE` or `new-to:SERVICE`. Raises CallError."""
    kind, colon, service_id = who.partition(":")
    fits = _named(who) if not colon else _towards(run, kind, service_id)
    found = next((one for one in run.residents if fits(one)), None)
    if found is None:
        raise CallError(f"{who} is no resident of run.json: a login, using:SERVICE or new-to:SERVICE")
    return found


def _named(who: str) -> Callable[[Somebody], bool]:
    return lambda one: who in (one.login, one.key)


def _towards(run: RunFile, kind: str, service_id: str) -> Callable[[Somebody], bool]:
    """Those who logged in to every component of a service, or those it is for who have not yet."""
    service = next((one for one in run.services if one.id == service_id), None)
    if service is None or kind not in ("using", "new-to"):
        raise CallError(f"{kind}:{service_id}: say using:SERVICE or new-to:SERVICE with a service's id")
    components = {part for link in service.links for part in (link.provider, link.consumer)}
    clients = {one.id for one in run.clients if one.component in components}
    if kind == "using":
        return lambda one: clients <= one.subjects.keys()
    return lambda one: one.municipality in service.municipalities and not clients & one.subjects.keys()


def subject(somebody: Somebody, client_id: str) -> str:
    """What the client's component knows a resident as. Raises CallError where they never logged in there."""
    if client_id not in somebody.subjects:
        raise CallError(f"{client_id} has no subject for {somebody.key}: they have not logged in there")
    return somebody.subjects[client_id]


class Phone:
    """A resident's touch point. What it holds stays between calls, sealed in the platform's directory: the five
    steps of consenting belong to one login, and an authenticator's code is good for one."""

    def __init__(self, home: Home, run: RunFile, somebody: Somebody) -> None:
        self._path = home.directory / "called.sealed"
        self._box = home.box()
        self._login = somebody.login
        login = Login(somebody.login, somebody.password, somebody.totp_secret)
        self.person = Person(run.base_url, login, run.touch_point.id, self._read().get(somebody.login))

    async def close(self) -> None:
        held = self._read() | {self._login: self.person.authorization}
        sealed = self._box.seal(self._path.name, msgspec.json.encode(held))
        files.replace(self._path, base64.b64encode(sealed))
        await self.person.close()

    def _read(self) -> dict[str, Authorization]:
        if not self._path.exists():
            return {}
        opened = self._box.open(self._path.name, base64.b64decode(self._path.read_bytes()))
        return msgspec.json.decode(opened, type=dict[str, Authorization])
