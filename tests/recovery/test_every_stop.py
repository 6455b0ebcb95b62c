"""Every kind of stop, and every right that can be taken, is in the journal by itself, and is repeated after a restore (B4).

The backup is older than the stop: here the transaction that stops is rolled back once the journal has its lines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, get_args

import pytest

from moyai.app import open_platform
from moyai.base import keys, stops
from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.roles import OWNER
from moyai.base.stops import AnyStop, Line, RightTaken
from moyai.consent import sharing
from moyai.identity import credentials, residents, staff
from moyai.identity.model import Desk
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import RegistryEntry
from moyai.recovery.replay import replay
from moyai.registry import stops as registry_stops
from moyai.registry.store_rights import TAKING
from moyai.supervisor.attach import lock
from moyai.upkeep.key_acts import revoke_key
from moyai.web.platform import Platform as Served
from tests.conftest import Platform, _running
from tests.consent.conftest import calls
from tests.factories import Town, make_client, make_consent, make_membership, make_town
from tests.identity.conftest import clerk
from tests.logins import SHOWN

BOTH = ["https://a.example/", "https://b.example/"]
KEY = {"kty": "EC", "crv": "P-256", "x": "x" * 43, "y": "y" * 43, "kid": "old"}


@dataclass
class Here:
    platform: Platform
    served: Served
    owner: Connection
    town: Town
    desk: Desk

    @property
    def journal(self) -> Journal:
        return Journal.of(self.platform.home)


@pytest.fixture(scope="module")
async def here(stopped_platform: Path, scratch: Path) -> AsyncIterator[Here]:
    async with _running(stopped_platform, scratch) as platform, open_platform(platform.home) as served:
        with lock(platform.home):
            owner = await platform.connect(OWNER)
            town = await make_town(owner)
            await _with_rights(owner, town)
            yield Here(platform, served, owner, town, await clerk(owner, town.c1, "mado-1"))


async def _with_rights(owner: Connection, town: Town) -> None:
    """More of each right than is taken."""
    await make_client(
        owner, town.mimamori, client_id="app", jwks={"keys": [KEY, {**KEY, "x": "z" * 43, "kid": "new"}]},
        redirect_uris=tuple(BOTH), post_logout_redirect_uris=tuple(BOTH),
    )  # fmt: skip
    await make_client(owner, town.undo_app, client_id="stolen")
    await owner.execute(
        "insert into registry.component_dataset values ($1, $2)", town.sensor.key, town.datasets["steps"].key
    )
    await owner.execute(
        """
        update registry.service set municipality_codes = '{372013,373419}', required_ial = 1, required_aal = 1
         where service_id = 'c2-gyosei'
        """
    )
    await owner.execute("insert into registry.authentication_service values ('card', 'カード', 'Card', 3, 3)")
    await owner.execute(
        """
        insert into registry.witness (witness_id, organization_key, verifier_key, url)
        values ('w1', $1, 'key', 'https://w.example')
        """,
        town.c1.key,
    )
    await clerk(owner, town.c1, "mado-2")


class RolledBack(Exception):
    pass


async def journalled(here: Here, act: Callable[[], Awaitable[object]], kept: Path) -> list[Line]:
    """What the act writes into the journal; the database forgets it."""
    try:
        async with here.owner.transaction():
            await act()
            await Journal(kept).write_due(here.owner)
            raise RolledBack
    except RolledBack:
        return [line for line in Journal(kept).lines() if isinstance(line, Line)]


async def repeated(here: Here, lines: list[Line]) -> list[str]:
    return [await replay(here.served, line) for line in lines]


RIGHTS: dict[tuple[str, str, str], tuple[LiteralString, LiteralString]] = {
    ("client", "app", "jwks"): (
        "update registry.client set jwks = jsonb_build_object('keys', jsonb_build_array(jwks->'keys'->1)) where client_id = 'app'",
        "select jwks->'keys'->0->>'kid' = 'new' and jsonb_array_length(jwks->'keys') = 1 from registry.client where client_id = 'app'",
    ),
    ("client", "app", "scopes"): (
        "update registry.client set scopes = '{openid}' where client_id = 'app'",
        "select scopes = '{openid}' from registry.client where client_id = 'app'",
    ),
    ("client", "app", "redirect_uris"): (
        "update registry.client set redirect_uris = redirect_uris[2:] where client_id = 'app'",
        "select redirect_uris = '{https://b.example/}' from registry.client where client_id = 'app'",
    ),
    ("client", "app", "post_logout_redirect_uris"): (
        "update registry.client set post_logout_redirect_uris = '{}' where client_id = 'app'",
        "select post_logout_redirect_uris = '{}' from registry.client where client_id = 'app'",
    ),
    ("organization", "koiki", "municipality_codes"): (
        "update registry.organization set municipality_codes = municipality_codes[:1] where organization_id = 'koiki'",
        "select cardinality(municipality_codes) = 1 from registry.organization where organization_id = 'koiki'",
    ),
    ("service", "c2-gyosei", "municipality_codes"): (
        "update registry.service set municipality_codes = '{372013}' where service_id = 'c2-gyosei'",
        "select municipality_codes = '{372013}' from registry.service where service_id = 'c2-gyosei'",
    ),
    ("service", "c2-gyosei", "required_ial"): (
        "update registry.service set required_ial = 3 where service_id = 'c2-gyosei'",
        "select required_ial = 3 from registry.service where service_id = 'c2-gyosei'",
    ),
    ("service", "c2-gyosei", "required_aal"): (
        "update registry.service set required_aal = 3 where service_id = 'c2-gyosei'",
        "select required_aal = 3 from registry.service where service_id = 'c2-gyosei'",
    ),
    ("service", "kenko-mimamori", "components"): (
        "delete from registry.service_component where component_key = (select component_key from registry.component where component_id = 'mimamori-sensor')",
        "select not exists (select from registry.service_component natural join registry.component where component_id = 'mimamori-sensor')",
    ),
    ("component", "mimamori-sensor", "datasets"): (
        "delete from registry.component_dataset where component_key = (select component_key from registry.component where component_id = 'mimamori-sensor')",
        "select not exists (select from registry.component_dataset natural join registry.component where component_id = 'mimamori-sensor')",
    ),
    ("dataset", "vitals", "required_ial"): (
        "update registry.dataset set required_ial = 2 where dataset_id = 'vitals'",
        "select required_ial = 2 from registry.dataset where dataset_id = 'vitals'",
    ),
    ("dataset", "vitals", "required_aal"): (
        "update registry.dataset set required_aal = 2 where dataset_id = 'vitals'",
        "select required_aal = 2 from registry.dataset where dataset_id = 'vitals'",
    ),
    ("dataset", "vitals", "items"): (
        "update registry.dataset set items = items - 0 where dataset_id = 'vitals'",
        """
        select jsonb_array_length(items) = 1 and items->0->>'name' = 'systolic' and not schema->'properties' ? 'weight_kg'
          from registry.dataset where dataset_id = 'vitals'
        """,
    ),
    ("authentication_service", "card", "ial"): (
        "update registry.authentication_service set ial = 2",
        "select ial = 2 from registry.authentication_service",
    ),
    ("authentication_service", "card", "aal"): (
        "update registry.authentication_service set aal = 1",
        "select aal = 1 from registry.authentication_service",
    ),
    ("witness", "w1", "verifier_key"): (
        "update registry.witness set verifier_key = 'another' where witness_id = 'w1'",
        "select ended_at is not null from registry.witness where witness_id = 'w1'",
    ),
    ("staff", "mado-2", "roles"): (
        "update identity.staff set roles = '{}' where login = 'mado-2'",
        "select roles = '{}' from identity.staff where login = 'mado-2'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("taken", RIGHTS, ids=" ".join)
async def test_b4_a_right_taken_after_the_backup_is_taken_again(
    here: Here, tmp_path: Path, taken: tuple[str, str, str]
) -> None:
    act, is_taken = RIGHTS[taken]
    lines = await journalled(here, lambda: here.owner.execute(act), tmp_path / "journal")
    (stop,) = [line.stop for line in lines]
    assert isinstance(stop, RightTaken)
    assert (stop.noun, stop.right) == (taken[0], taken[2])
    assert not await here.owner.fetchval(is_taken), "it came back with the backup"
    assert await repeated(here, lines) == ["stopped"]
    assert await here.owner.fetchval(is_taken)
    assert await repeated(here, lines) == ["already"]


def test_every_right_that_can_be_taken_has_a_case() -> None:
    assert {(noun, right) for noun, _, right in RIGHTS} == set(TAKING) | {("staff", "roles")}


async def test_b4_a_right_given_again_before_the_backup_stays(here: Here, tmp_path: Path) -> None:
    change = "update registry.client set scopes = '{openid}' where client_id = 'stolen'"
    lines = await journalled(here, lambda: here.owner.execute(change), tmp_path / "journal")
    act = RegistryEntry(noun="client", id="stolen", fields={})
    async with here.owner.transaction():
        await record(here.owner, Act(kind=Kind.REGISTRY_CHANGED, actor="client:x", detail=act))
    assert await repeated(here, lines) == ["already"]
    assert await here.owner.fetchval("select cardinality(scopes) > 1 from registry.client where client_id = 'stolen'")  # fmt: skip


async def test_b4_what_the_backup_does_not_know_is_told(here: Here) -> None:
    at = await here.owner.fetchval("select clock_timestamp()")
    made_later = [RightTaken(noun=noun, id="later", right=right, values=["2"]) for noun, right in TAKING]
    assert {*await repeated(here, [Line(at, stop) for stop in made_later])} == {"unknown"}


async def test_b4_a_service_that_was_left_no_municipality_is_suspended(here: Here) -> None:
    at = await here.owner.fetchval("select clock_timestamp()")
    stop = RightTaken(
        noun="service", id="c2-gyosei", right="municipality_codes", values=["372013", "373419", "37"]
    )
    assert await repeated(here, [Line(at, stop)]) == ["stopped"]
    state = await here.owner.fetchval("select state from registry.service where service_id = 'c2-gyosei'")
    assert state == "suspended"


# --- the other kinds --------------------------------------------------------------------------------------------------


async def _withdrawn(here: Here) -> None:
    await make_consent(here.owner, here.town.hanako, here.town.links["steps"], "withdrawn")


async def _shared(here: Here) -> None:
    async with here.owner.transaction():
        await make_membership(here.owner, here.town.hanako, here.town.kenko)
        await make_consent(here.owner, here.town.hanako, here.town.links["vitals"])
        caller = calls(here.town.hanako)
        ids = ["kenko-vitals"]
        made = await sharing.share(here.owner, caller, here.town.kenko.id, ids, relation="娘", viewer_name="恵", days=7)  # fmt: skip
        await sharing.accept(here.owner, calls(here.town.ichiro), made.code)


async def _given(here: Here) -> None:
    await make_consent(here.owner, here.town.hanako, here.town.links["steps"])


async def _nothing(here: Here) -> None:
    pass


async def _end_sharings(here: Here) -> None:
    await here.owner.execute("update consent.sharing set ended_at = clock_timestamp()")


async def _close(here: Here) -> None:
    resident = await residents.by_id(here.owner, here.town.ichiro.id)
    await residents.close_for_erasure(here.owner, resident, here.journal)


async def _erase(here: Here) -> None:
    await residents.erase(here.owner, here.town.ichiro.key, "system", "test", here.journal)


async def _disable(here: Here) -> None:
    staff_id = await here.owner.fetchval("select staff_id from identity.staff where login = 'mado-2'")
    await staff.disable(here.owner, staff_id, "test", "system", here.journal)


async def _protect(here: Here) -> None:
    named = [here.desk.actor.removeprefix("staff:")]
    stop = stops.ProtectionBegun(resident_id=here.town.hanako.id, organization_id="c1", staff=named)
    await here.journal.append(here.owner, stop)


async def _log_in(here: Here) -> None:
    async with here.owner.transaction():
        hanako = await residents.by_id(here.owner, here.town.hanako.id)
        await credentials.issue(here.owner, here.platform.home.box(), here.desk, hanako, "test")


async def _replace_secrets(here: Here) -> None:
    hanako = await residents.by_id(here.owner, here.town.hanako.id)
    await credentials.recover(
        here.owner, here.platform.home.box(), here.desk, hanako, "test", here.journal, SHOWN
    )


async def _suspend(here: Here) -> None:
    await registry_stops.suspend_organization(here.owner, "c2", "test", "system", here.journal)


async def _suspend_service(here: Here) -> None:
    await registry_stops.suspend_service(here.owner, "kenko-mimamori", "test", "system", here.journal)


async def _disable_client(here: Here) -> None:
    await registry_stops.disable_client(here.owner, "stolen", "test", "system", here.journal)


async def _end_link(here: Here) -> None:
    await registry_stops.end_link(here.owner, "kenko-presence", "test", "system", here.journal)


Prepare = Callable[[Here], Awaitable[None]]
CASES: dict[type, tuple[Prepare, Prepare, LiteralString]] = {
    stops.ConsentWithdrawn: (_given, _withdrawn, "select every(s.state <> 1) from consent.state s join registry.link l using (link_key) where link_id = 'kenko-steps'"),
    stops.SharingEnded: (_shared, _end_sharings, "select every(ended_at is not null) from consent.sharing"),
    stops.ProtectionBegun: (_nothing, _protect, "select bool_or(protected_at is not null) from identity.resident"),
    stops.SecretsReplaced: (_log_in, _replace_secrets, "select every(changed_at > clock_timestamp() - interval '1 minute') from identity.credential where resident_key is not null"),
    stops.OrganizationSuspended: (_nothing, _suspend, "select state = 'suspended' from registry.organization where organization_id = 'c2'"),
    stops.ServiceSuspended: (_nothing, _suspend_service, "select state = 'suspended' from registry.service where service_id = 'kenko-mimamori'"),
    stops.ClientDisabled: (_nothing, _disable_client, "select state = 'disabled' from registry.client where client_id = 'stolen'"),
    stops.LinkEnded: (_nothing, _end_link, "select state = 'ended' from registry.link where link_id = 'kenko-presence'"),
    stops.StaffDisabled: (_nothing, _disable, "select state = 'disabled' from identity.staff where login = 'mado-2'"),
    stops.ResidentClosed: (_nothing, _close, "select bool_or(state = 'closed') from identity.resident"),
    stops.ResidentErased: (_nothing, _erase, "select bool_or(state = 'erased') from identity.resident"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
async def test_b4_a_stop_made_after_the_backup_is_made_again(here: Here, tmp_path: Path, kind: type) -> None:
    prepare, act, holds = CASES[kind]
    await prepare(here)
    lines = await journalled(here, lambda: act(here), tmp_path / "journal")
    mine = [line for line in lines if type(line.stop) is kind]
    assert len(mine) == 1
    assert kind is stops.SecretsReplaced or not await here.owner.fetchval(holds), "the backup has it not"
    assert await repeated(here, mine) == ["stopped"]
    assert await here.owner.fetchval(holds)
    assert await repeated(here, mine) == ["already"]


async def test_b4_a_key_revoked_after_the_backup_is_revoked_again(here: Here, tmp_path: Path) -> None:
    """Its command has a session of its own, so it is done, and undone by hand."""
    home = here.platform.home
    key_id = (await keys.current(here.owner, home.box(), "receipt")).key_id
    await revoke_key(home, key_id, "test", as_json=True)
    (line,) = [one for one in here.journal.lines() if isinstance(one, Line) and isinstance(one.stop, stops.KeyRevoked)]  # fmt: skip
    await here.owner.execute("update platform.signing_key set revoked_at = null where key_id = $1", key_id)
    assert await repeated(here, [line]) == ["stopped"]
    assert await repeated(here, [line]) == ["already"]


def test_every_kind_of_stop_has_a_case() -> None:
    assert set(get_args(AnyStop)) == set(CASES) | {stops.KeyRevoked, RightTaken}


async def test_b4_what_is_only_rehearsed_leaves_no_line_whoever_notes_it(here: Here) -> None:
    before = list(here.journal.lines())
    for _, act, _ in CASES.values():
        async with here.owner.transaction():
            try:
                async with here.owner.transaction():
                    await act(here)
                    raise RolledBack
            except RolledBack:
                pass
            except Exception:  # it was stopped already by the tests before: that leaves no line, either
                pass
    assert list(here.journal.lines()) == before
