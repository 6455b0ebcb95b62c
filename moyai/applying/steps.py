"""`moyai apply FILE`: bring the registry to what a file says, through the same actions as the API.

All of a file is applied, or nothing of it; applying it again changes nothing. Stores are provisioned afterwards.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from moyai import registry
from moyai.applying.client_keys import public_keys
from moyai.applying.people import first_secrets, people
from moyai.applying.provisioning import provision_missing
from moyai.applying.registry_file import ClientEntry, RegistryFile, SuspensionEntry, WitnessEntry, read
from moyai.applying.restating import Kept, unless_restated
from moyai.applying.waiting import Later, Step, Waiting
from moyai.base.config import Home
from moyai.base.db import Connection, Database, Pool
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.roles import SERVE
from moyai.base.tables import print_whole
from moyai.identity import staff, staff_in_force
from moyai.registry import (
    Change,
    ClientDeclaration,
    ComponentDeclaration,
    ServiceDeclaration,
    WitnessDeclaration,
    others_entries,
    two_persons,
)
from moyai.registry.pending import Asker
from moyai.registry.persons import Person


class Surroundings(msgspec.Struct, frozen=True):
    """What only the running program knows: where components answer, and the witnesses that were started.

    `urls` maps component ids (and service ids) to base URLs; `witnesses` maps ids to (verifier key, URL).
    """

    urls: Mapping[str, str] = {}
    witnesses: Mapping[str, tuple[str, str]] = {}


class Report(msgspec.Struct, frozen=True):
    """What was done. `logins` are accounts that got their first secrets now (see `login_password`); of them `unconfirmed`
    open nothing before two persons have said whose they are.

    `waiting` are witnesses whose key is not known yet. A change whose outcome is `pending` waits for a second person.
    `kept` differs from the file and was not applied, because somebody changed it since the file said so first. `later`
    names what waits for a second person, and is applied with the file once that is there.
    """

    changes: list[Change]
    logins: list[str] = []
    waiting: list[str] = []
    kept: list[Kept] = []
    later: list[Later] = []
    unconfirmed: list[str] = []

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.outcome != "unchanged"]


def print_report(report: Report, *, as_json: bool, directory: Path | None = None) -> None:
    """What changed, line by line; what did not is only counted. As JSON: every change, and what waits."""
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        return
    where = "" if directory is None else f" --dir {shlex.quote(str(directory))}"
    marks = {"created": "[green]+[/green]", "changed": "[yellow]~[/yellow]", "pending": "[cyan]?[/cyan]"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for change in report.changed:
        table.add_row(marks[change.outcome], change.noun, change.id, ", ".join(change.fields))
    console = Console(highlight=False, soft_wrap=True)
    print_whole(table, console)
    counts: dict[str, int] = dict.fromkeys(("created", "changed", "unchanged"), 0)
    for change in report.changes:
        counts[change.outcome] = counts.get(change.outcome, 0) + 1
    console.print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    for change in report.changes:
        if change.outcome == "pending":
            console.print(
                f"{change.noun} {change.id} waits for a second person: moyai confirm {change.pending} --as LOGIN{where}"
            )
    for kept in report.kept:
        console.print(
            f"{kept.noun} {kept.id} differs and was not applied: changed since by {kept.changed_by or 'nobody known'}"
            f" ({', '.join(kept.fields)})"
        )
    for later in report.later:
        console.print(
            f"{later.noun} {later.id} was not applied: it names {', '.join(later.waits_for)}, which waits for a second"
            " person. Apply the file again then"
        )
    for login in report.unconfirmed:
        console.print(
            f"staff {login} opens nothing yet: moyai issue {login}{where} prints the first secrets; after the first log-in"
            " two members of staff say whose account it is (moyai pending)"
        )
    for witness in report.waiting:
        console.print(f"witness {witness} waits for its key and address")


async def apply_file(
    home: Home, path: Path, around: Surroundings | None = None, person: Person | None = None
) -> Report:
    """Apply a file (its whole path) to the platform in `home`, whose database must run, as a member of staff who has
    logged in.

    Without a person the file is nobody: what takes two persons waits for both. Raises Problem as the actions do.
    """
    document = read(path)
    pool = await Pool.open(home.dsn(SERVE), max_size=2, before_commit=Journal.of(home).write_due)
    try:
        return await apply(home, pool, document, around or Surroundings(), file=str(path), person=person)
    finally:
        await pool.close()


async def apply(
    home: Home,
    database: Database,
    document: RegistryFile,
    around: Surroundings,
    *,
    file: str,
    person: Person | None = None,
) -> Report:
    """`file` is the path of the file: staff belong to the one that names them, and another of the same name is another.
    Its name is the actor where no person applies it."""
    staff.introduce()
    actor = f"file:{Path(file).name}" if person is None else person.actor
    async with database.transaction() as conn:
        asker = await _asker(conn, document, actor, person)
        at_setup = asker.bootstrap or await staff_in_force.nobody_there(conn)
        by = msgspec.structs.replace(asker, bootstrap=at_setup)
        done = [one async for one in _registry(conn, home, document, around, asker, file, by)]
        logins = await first_secrets(conn, home, document.staff, by)
    changes = [one for one in done if isinstance(one, Change)]
    changes += await provision_missing(home, database, actor)
    waiting = [one.witness_id for one in document.witness if not _known(one, around)]
    kept = [one for one in done if isinstance(one, Kept)]
    later = [one for one in done if isinstance(one, Later)]
    return Report(changes, logins, waiting, kept, later, [] if at_setup else logins)


async def _asker(conn: Connection, document: RegistryFile, actor: str, person: Person | None) -> Asker:
    """Who applies. On a platform without any organisation nobody is there who could be the second: what the first file
    says takes effect as it stands. An organisation that had no client gets all that its file names for it together."""
    known = await registry.all_organizations(conn)
    operators = [one.organization_id for one in known if one.kind == "operating_organization"]
    if person is not None and ("operator" not in person.roles or person.organization_id not in operators):
        raise Problem(
            "forbidden", "the registry is the operating organisation's: its staff with the role operator"
        )
    named = {one.organization_id for one in (*known, *document.organization)}
    founding = frozenset(named - {one.organization_id for one in await registry.all_clients(conn)})
    return Asker(actor, operators[0] if operators else "", person, bootstrap=not known, founding=founding)


async def _registry(
    conn: Connection,
    home: Home,
    document: RegistryFile,
    around: Surroundings,
    asker: Asker,
    file: str,
    of_staff: Asker,
) -> AsyncIterator[Change | Kept | Later]:
    """`of_staff`: as `asker`; where no operator is in force, nobody is there who could be the second, as at first."""
    waiting = Waiting()
    for step in (*_parties(conn, document, asker), *_offer(conn, home, document, around, asker)):
        yield await waiting.take(conn, step)
    # the first witnesses of a platform come together, as its first file does
    first = asker.bootstrap or not await registry.all_witnesses(conn)
    for step in _access(conn, home, document, around, asker, file, first_witnesses=first):
        yield await waiting.take(conn, step)
    async for change in people(conn, home, document, of_staff, file, waiting):
        yield change
    for entry in document.suspension:
        yield await waiting.take(
            conn,
            Step(
                "suspension",
                entry.organization,
                entry,
                partial(_suspend, conn, home, entry, asker.actor),
            ),
        )


def _parties(conn: Connection, document: RegistryFile, asker: Asker) -> Iterator[Step]:
    """The operating organisation first, then those it certifies."""
    actor = asker.actor
    operators = {one.organization_id for one in document.organization if one.kind == "operating_organization"}
    for one in document.organization:
        put = partial(two_persons.put_organization, conn, one, asker)
        yield Step("organization", one.organization_id, one, put)
    for one in document.authentication_service:
        put = partial(registry.register_authentication_service, conn, one, actor)
        yield Step("authentication_service", one.authentication_service_id, one, put)
    for one in document.criteria:
        put = partial(registry.publish_criteria, conn, one, actor)
        yield Step("criteria", one.criteria_version, one, put)
    for one in sorted(document.certification, key=lambda one: one.organization not in operators):
        put = partial(registry.certify_organization, conn, one.organization, one.request(), actor)
        yield Step("certification", one.organization, one, put)


def _offer(
    conn: Connection, home: Home, document: RegistryFile, around: Surroundings, asker: Asker
) -> Iterator[Step]:
    """What is offered, from data to certified services."""
    actor = asker.actor
    for one in document.dataset:
        yield Step("dataset", one.dataset_id, one, partial(others_entries.put_dataset, conn, one, asker))
    for one in document.purpose:
        yield Step("purpose", one.purpose_id, one, partial(others_entries.put_purpose, conn, one, asker))
    for one in document.component:
        yield Step("component", one.component_id, one, partial(_put_component, conn, one, around, asker))
    for one in document.service:
        yield Step("service", one.service_id, one, partial(_put_service, conn, one, around, asker))
    for one in document.link:
        yield Step("link", one.link_id, one, partial(others_entries.put_link, conn, one, asker))
    for one in document.link_end:
        put = partial(registry.end_link, conn, one.link, one.reason, actor, Journal.of(home))
        yield Step("link_end", one.link, one, put)
    if (terms := document.platform_terms) is not None:
        yield Step("terms", "platform", terms, partial(registry.publish_platform_terms, conn, terms, actor))
    for one in document.service_terms:
        yield Step("terms", one.service, one, partial(registry.publish_service_terms, conn, one, actor))
    for one in document.service_certification:
        put = partial(registry.certify_service, conn, one.service, actor)
        yield Step("certification", one.service, one, put)


def _access(
    conn: Connection,
    home: Home,
    document: RegistryFile,
    around: Surroundings,
    asker: Asker,
    file: str,
    *,
    first_witnesses: bool,
) -> Iterator[Step]:
    for one in document.client:
        yield Step("client", one.client_id, one, partial(_client, conn, home, one, around, asker, file))
    by = msgspec.structs.replace(asker, bootstrap=first_witnesses)
    for one in document.witness:
        if known := _known(one, around):
            put_witness = partial(two_persons.put_witness, conn, known, by)
            put = partial(unless_restated, conn, file, "witness", one.witness_id, known, put_witness)
            yield Step("witness", one.witness_id, one, put)


async def _suspend(conn: Connection, home: Home, entry: SuspensionEntry, actor: str) -> Change:
    return await registry.suspend_organization(
        conn, entry.organization, entry.reason, actor, Journal.of(home), once=True
    )


async def _put_component(
    conn: Connection, declared: ComponentDeclaration, around: Surroundings, asker: Asker
) -> Change:
    """With its address: where it runs now, or else what the file or the registry says."""
    known = {one.component_id: one.url for one in await registry.all_components(conn)}
    here = around.urls.get(declared.component_id)
    was = known.get(declared.component_id)
    placed = msgspec.structs.replace(declared, url=here or declared.url or was)
    if declared.component_id not in known or not _only_port(here, was):
        return await others_entries.put_component(conn, placed, asker)
    change = await others_entries.put_component(conn, msgspec.structs.replace(placed, url=was), asker)
    if change.outcome != "unchanged":
        return change
    return await registry.register_component(conn, placed, asker.actor)


async def _put_service(
    conn: Connection, declared: ServiceDeclaration, around: Surroundings, asker: Asker
) -> Change:
    """As `_put_component`."""
    known = {one.service_id: one.url for one in await registry.all_services(conn)}
    here = around.urls.get(declared.service_id)
    was = known.get(declared.service_id)
    placed = msgspec.structs.replace(declared, url=here or declared.url or was)
    if declared.service_id not in known or not _only_port(here, was):
        return await others_entries.put_service(conn, placed, asker)
    change = await others_entries.put_service(conn, msgspec.structs.replace(placed, url=was), asker)
    if change.outcome != "unchanged":
        return change
    return await registry.register_service(conn, placed, asker.actor)


def _only_port(here: str | None, was: str | None) -> bool:
    """Whether `moyai up` started it on this machine, where it was or nowhere before: at most the port differs."""
    return here is not None and all(url is None or url.startswith("http://localhost:") for url in (here, was))


async def _client(
    conn: Connection, home: Home, entry: ClientEntry, around: Surroundings, asker: Asker, file: str
) -> Change | Kept:
    jwks = entry.jwks
    if jwks is None and entry.kind != "touch_point":
        jwks = public_keys(home, entry.client_id)
    uris = list(entry.redirect_uris)
    base = around.urls.get(entry.component or "")
    if entry.redirect_paths and base:
        uris += [base.rstrip("/") + path for path in entry.redirect_paths]
    elif entry.redirect_paths:
        uris += await _known_uris(conn, entry)
    try:
        declared = entry.declaration(jwks, list(dict.fromkeys(uris)))
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", f"client {entry.client_id}: {error}") from error
    if base and await _only_moved(conn, declared, base):
        put = partial(registry.register_client, conn, declared, asker.actor)
    else:
        put = partial(two_persons.put_client, conn, declared, asker)
    return await unless_restated(conn, file, "client", entry.client_id, declared, put)


async def _only_moved(conn: Connection, declared: ClientDeclaration, base: str) -> bool:
    """Whether nothing but the port differs at which `moyai up` started it on this machine."""
    known = {one.client_id: one for one in await registry.all_clients(conn)}.get(declared.client_id)
    if known is None or declared.jwks != known.jwks or set(declared.scopes) - set(known.scopes):
        return False
    new = {*declared.redirect_uris, *declared.post_logout_redirect_uris}
    new -= {*known.redirect_uris, *known.post_logout_redirect_uris}
    return base.startswith("http://localhost:") and all(uri.startswith(f"{base.rstrip('/')}/") for uri in new)


async def _known_uris(conn: Connection, entry: ClientEntry) -> list[str]:
    known = {one.client_id: one.redirect_uris for one in await registry.all_clients(conn)}
    return known.get(entry.client_id, [])


def _known(entry: WitnessEntry, around: Surroundings) -> WitnessDeclaration | None:
    """A witness whose key and address are known, from the file or because it was started."""
    key, url = around.witnesses.get(entry.witness_id, (entry.verifier_key, entry.url))
    if key is None or url is None:
        return None
    return WitnessDeclaration(entry.witness_id, entry.organization, key, url)
