"""Who is who while a platform is being filled or a story is played: people, clients, addresses, what they remember.

What a second start must know again (logins, subjects) is kept sealed in the platform's directory; the ids of
exchanges, consents and withdrawals are kept outside the platform, by the one who was told them.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from moyai.applying.client_keys import key_file
from moyai.base import files
from moyai.base.config import Home
from moyai.calling import Answer, CallError, Client, read_key
from moyai.up.person import Login, Page, Person

TOUCH_POINT = "portal-app"
_SHOWN = re.compile(r'<code translate="no">([^<]+)</code>')
"""What the page of a hand-over shows: resident ID, login, password, secret."""

_SEALED_AS = "demo-people"


class Known(msgspec.Struct):
    """One person: what the desk enters, what they log in with, what each component knows them as."""

    person: dict[str, str]
    story_ja: str = ""
    story_en: str = ""
    resident_id: str | None = None
    login: Login | None = None
    own: bool = False
    """Whether password and authenticator are their own, or still those that were handed over."""
    choosing: Login | None = None
    """What they were about to choose, in a start that may have been interrupted just then."""
    subjects: dict[str, str] = {}

    @property
    def municipality_code(self) -> str:
        return self.person["municipality_code"]


class _Saved(msgspec.Struct):
    people: dict[str, Known] = {}
    staff: dict[str, Login] = {}
    runs: int = 0
    steps_begun: int = 0
    begun: bool = False


class World:
    """`desks` are client ids by municipality code, `urls` addresses of example services by client id."""

    def __init__(
        self,
        home: Home,
        session: aiohttp.ClientSession,
        urls: dict[str, str],
        desks: dict[str, str],
        operator: str,
    ) -> None:
        self.home = home
        self.base_url = home.config().server.base_url
        self.operator = operator
        self.exchanges: list[str] = []
        self.acts: list[str] = []
        self.sharings: dict[str, tuple[str, str]] = {}
        self.last = Answer(0, None, {})
        self._session = session
        self._urls = urls
        self._desks = desks
        self._clients: dict[str, Client] = {}
        self._browsers: dict[str, Person] = {}
        self._retry_keys: dict[str, str] = {}
        self._first_exchange: dict[str, str] = {}
        self._saved = _read(home)

    # --- what is remembered ----------------------------------------------------------------------------

    @property
    def people(self) -> dict[str, Known]:
        return self._saved.people

    @property
    def staff(self) -> dict[str, Login]:
        """What staff log in with since their first log-in, by login."""
        return self._saved.staff

    @property
    def begun(self) -> bool:
        """Whether the beginning of the scenario was played to its end."""
        return self._saved.begun

    @property
    def steps_begun(self) -> int:
        """How many steps of the beginning are behind us: an interrupted start goes on where it was."""
        return self._saved.steps_begun

    def mark_step(self) -> None:
        self._saved.steps_begun += 1
        self.save()

    def mark_begun(self) -> None:
        self._saved.begun = True
        self.save()

    def next_run(self) -> int:
        """The number of this telling of the story, from 1."""
        self._saved.runs += 1
        self.save()
        return self._saved.runs

    def save(self) -> None:
        sealed = self.home.box().seal(_SEALED_AS, msgspec.json.encode(self._saved))
        files.replace(_file(self.home), base64.b64encode(sealed))

    # --- people -----------------------------------------------------------------------------------------

    def introduce(self, key: str, person: dict[str, str], story_ja: str = "", story_en: str = "") -> None:
        """Make somebody known by a key, unless they are already."""
        self.people.setdefault(key, Known(person, story_ja, story_en))

    def again(self, key: str, person: dict[str, str], run: int) -> None:
        """The same figure in another telling: another person, born some days later, so that nobody meets themself."""
        born = date.fromisoformat(person["birth_date"]) + timedelta(days=run)
        self.people[key] = Known({**person, "birth_date": born.isoformat()})

    async def person(self, key: str) -> Person:
        known = self.people[key]
        if known.login is None:
            raise CallError(f"{key} has no login yet")
        if key not in self._browsers:

            def choosing(login: Login) -> None:
                known.choosing = login
                self.save()

            def changed(login: Login) -> None:
                known.login, known.own, known.choosing = login, True, None
                self.save()

            self._browsers[key] = Person(
                self.base_url, known.login, TOUCH_POINT, choosing=choosing, changed=changed
            )
        return self._browsers[key]

    async def clerk(self, login: str) -> Person:
        """A member of staff with a browser."""
        key = f"staff {login}"
        if key not in self._browsers:
            self._browsers[key] = Person(self.base_url, self.staff[login], TOUCH_POINT)
        return self._browsers[key]

    async def first_log_in(self, key: str) -> None:
        """What was handed over is good once: whoever has not logged in yet chooses password and authenticator.

        Who cannot, because a start was interrupted just then, has what they were choosing.
        """
        known = self.people[key]
        for login in (known.login, known.choosing):
            if login is None:
                continue
            known.login = login
            page = await (await self.person(key)).visit(f"{self.base_url}/login")
            if page.status < 400 and "/login" not in page.url:
                known.own, known.choosing = True, None
                return
            await self._forget_browser(key)
        raise CallError(f"{key} cannot log in")

    async def _forget_browser(self, key: str) -> None:
        if key in self._browsers:
            await self._browsers.pop(key).close()

    async def first_log_in_of_staff(self, handed_over: Login) -> None:
        """The same for a member of staff whom the registry's file names."""
        person = Person(self.base_url, handed_over, TOUCH_POINT)
        self._browsers[f"staff {handed_over.login}"] = person
        page = await person.visit(f"{self.base_url}/login")
        if page.status >= 400 or "/login" in page.url:
            raise CallError(f"{handed_over.login} cannot log in")
        self.staff[handed_over.login] = person.login
        self.save()

    async def enrol(self, key: str) -> Answer:
        known = self.people[key]
        body = {
            "person": known.person,
            "evidence": {"level": 2, "method": "desk_document", "document_class": "drivers_license"},
        }
        desk = self.client(self._desks[known.municipality_code])
        answer = await desk.call("POST", "/identity/v1/residents", body)
        if answer.status == 201 or answer.code == "resident_already_enrolled":
            known.resident_id = answer.body.get("resident_id", known.resident_id)
        return answer

    async def issue_login(self, key: str) -> Answer:
        """What nobody has logged in with yet can be handed over again, where an answer never came."""
        answer = await self.desk_call(key, "POST", "credentials", {})
        if answer.code == "login_exists":
            answer = await self.desk_call(key, "POST", "credentials", {"again": True})
        if answer.status == 201:
            self.people[key].login = msgspec.convert(answer.body, Login)
        return answer

    async def recover(self, key: str, by: str) -> Page:
        """The person stands at the desk with a document: a clerk opens the page of the recovery and hands over new secrets."""
        known, clerk = self.people[key], await self.clerk(by)
        shown = await clerk.visit(f"{self.base_url}/desk/residents/{known.resident_id}/recover")
        proof = {"form": "2026-0001", "document_class": "drivers_license"}
        page = await clerk.submit(shown, "form", proof)
        handed_over = _SHOWN.findall(page.text)
        if len(handed_over) >= 4:
            _, login, password, secret = handed_over[:4]
            known.login, known.own = Login(login, password, secret.replace(" ", "")), False
            await self._forget_browser(key)
        return page

    async def desk_call(self, key: str, method: str, act: str, body: Any) -> Answer:
        """The desk of the person's municipality does something for them."""
        known = self.people[key]
        path = f"/identity/v1/residents/{known.resident_id}/{act}"
        return await self.client(self._desks[known.municipality_code]).call(method, path, body)

    async def learn_subject(self, key: str, client_id: str) -> None:
        """Ask the example service what it knows the logged-in person as."""
        page = await (await self.person(key)).visit(f"{self.url(client_id)}/me")
        self.people[key].subjects[client_id] = msgspec.json.decode(page.text)["subject"]

    def subject(self, key: str, client_id: str) -> str:
        """What the client's component knows the person as; an id that nobody has, where there was no login."""
        return self.people[key].subjects.get(client_id, "00000000-0000-4000-8000-000000000000")

    # --- clients and addresses -----------------------------------------------------------------------------

    def url(self, client_id: str) -> str:
        return self._urls[client_id]

    def client(self, client_id: str) -> Client:
        if client_id not in self._clients:
            key = read_key(key_file(self.home, client_id))
            self._clients[client_id] = Client(self.base_url, client_id, key, self._session)
        return self._clients[client_id]

    def retry_key(self, name: str) -> str:
        return self._retry_keys.setdefault(name, secrets.token_hex(16))

    def same_exchange(self, name: str, exchange_id: str) -> bool:
        """Whether this is the exchange that the key made at first."""
        return self._first_exchange.setdefault(name, exchange_id) == exchange_id

    def keep(self, key: str, answer: Answer) -> Answer:
        """Keep the id of an acknowledged consent or withdrawal."""
        if answer.status < 400:
            self.acts.append(f"{self.people[key].resident_id} {answer.body['act_id']}")
        return answer

    async def await_integration(self, seconds: float = 15) -> None:
        """Until the newest exchange has its place in the log. Raises CallError if that takes too long."""
        until = time.monotonic() + seconds
        url = f"{self.base_url}/log/v1/proof/inclusion?entry={self.exchanges[-1]}" if self.exchanges else None
        while url is not None:
            async with self._session.get(url) as response:
                if response.status == 200:
                    return
            if time.monotonic() > until:
                raise CallError("the newest exchange is not in the log yet; does the worker run?")
            await asyncio.sleep(0.2)

    async def close(self) -> None:
        self.save()
        for browser in self._browsers.values():
            await browser.close()
        self._browsers.clear()


def _file(home: Home) -> Path:
    return home.directory / "people.sealed"


def _read(home: Home) -> _Saved:
    path = _file(home)
    if not path.exists():
        return _Saved()
    opened = home.box().open(_SEALED_AS, base64.b64decode(path.read_bytes()))
    return msgspec.json.decode(opened, type=_Saved)
