"""A5: a registry file that is applied again asks back nothing that a later act took away."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from moyai import cli, registry
from moyai.applying import Report, print_report
from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.commands import registry as commands
from moyai.identity import staff
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry import acting
from moyai.registry.declarations import ClientDeclaration
from moyai.registry.persons import Person
from moyai.registry.waiting import everything
from tests.app.test_applying import OPERATOR, STAFF, applied, home
from tests.app.test_pending_commands import REGISTRY, WIDER
from tests.conftest import RolledBack
from tests.logins import in_force
from tests.registry.samples import CLIENT_KEY

__all__ = ["home"]

OTHER_KEYS = {"keys": [{**CLIENT_KEY, "kid": "new-1"}]}


async def changed(control: Connection, **members: Any) -> None:
    """The client is changed by somebody else than the file."""
    stored = await registry.client(control, "unei-operator")
    now: dict[str, Any] = {
        name: getattr(stored, name, None) for name in ClientDeclaration.__struct_fields__
    } | {"component": None, "organization": "unei"}
    await registry.register_client(control, ClientDeclaration(**(now | members)), "staff:later")


def kept(report: Report) -> list[tuple[str, str, list[str], str]]:
    return [(one.noun, one.id, one.fields, one.changed_by) for one in report.kept]


@pytest.mark.parametrize(
    ("field", "later"), [("scopes", ["registry:suspend"]), ("jwks", OTHER_KEYS)], ids=["scopes", "keys"]
)
async def test_a5_an_unchanged_file_asks_back_nothing_that_a_later_act_changed(
    home: Home, control: Connection, control_db: RolledBack, field: str, later: Any
):
    await applied(home, control_db, REGISTRY)
    await changed(control, **{field: later})
    again = await applied(home, control_db, REGISTRY)
    assert (again.changed, kept(again)) == ([], [("client", "unei-operator", [field], "staff:later")])
    assert getattr(await registry.client(control, "unei-operator"), field) == later
    assert await everything(control) == []


async def test_a5_what_two_confirmed_and_was_narrowed_since_is_not_asked_for_again(
    home: Home, control: Connection, control_db: RolledBack
):
    await applied(home, control_db, REGISTRY)
    await applied(home, control_db, WIDER)
    (waiting,) = await everything(control)
    again = await applied(home, control_db, WIDER)
    assert [one.pending for one in again.changed] == [waiting.pending_id], "it waits on"
    for person in await people(control):
        await acting.confirm(control, waiting.pending_id, person)
    assert (await applied(home, control_db, WIDER)).changed == []
    await changed(control, scopes=["registry:suspend"])
    later = await applied(home, control_db, WIDER)
    assert (later.changed, [one.id for one in later.kept]) == ([], ["unei-operator"])
    assert [one.outcome for one in (await applied(home, control_db, REGISTRY)).changed] == ["pending"]


async def people(control: Connection) -> list[Person]:
    found: list[Person] = []
    for login, number in (("one", "1001"), ("two", "1002")):
        await staff.declare(control, StaffDeclaration(login, login, "unei", ["operator"], number), "test")
        await in_force(control, login)
        key = await control.fetchval("select staff_key from identity.staff where login = $1", login)
        found.append(await staff.at_terminal(control, key))
    return found


async def test_a5_a_role_that_was_taken_away_is_not_given_back_by_the_file(
    home: Home, control: Connection, control_db: RolledBack
):
    await applied(home, control_db, OPERATOR + STAFF)
    await staff.declare(control, StaffDeclaration("mado-1", "窓口 一", "unei", ["desk"], "11"), "staff:later")
    again = await applied(home, control_db, OPERATOR + STAFF)
    assert (again.changed, kept(again)) == ([], [("staff", "mado-1", ["roles"], "staff:later")])
    assert await control.fetchval("select roles from identity.staff where login = 'mado-1'") == ["desk"]


async def test_a5_the_line_that_is_printed_is_a_command(
    home: Home, control_db: RolledBack, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    await applied(home, control_db, REGISTRY)
    report = await applied(home, control_db, WIDER)
    print_report(report, as_json=False, directory=tmp_path)
    line = capsys.readouterr().out.partition("second person: moyai ")[2].splitlines()[0]
    command, bound, _ = cli.app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
    assert command is commands.confirm
    assert (report.changed[0].pending, "LOGIN", tmp_path) == tuple(
        bound.arguments.get(name) for name in ("pending_id", "as_", "directory")
    )
