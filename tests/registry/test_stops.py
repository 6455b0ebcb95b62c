"""H4: a stop is a fact of its own. Nothing but its own act with a reason ends it, not even SQL of the program's role."""

from __future__ import annotations

import pytest

from moyai import registry
from moyai.base.db import Connection, PostgresError
from moyai.base.errors import Problem
from tests.registry.samples import ACTOR, CLIENT, certified_service


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        (
            "organization",
            "update registry.organization set state = 'certified' where organization_id = 'city'",
        ),
        ("service", "update registry.service set state = 'certified' where service_id = 'kenko'"),
        ("client", "update registry.client set state = 'active' where client_id = 'advice'"),
        ("link", "update registry.link set state = 'registered' where link_id = 'kenko-steps'"),
    ],
)
async def test_the_database_lets_no_statement_take_a_thing_out_of_its_stop(
    control: Connection, journal, table: str, statement: str
):
    await certified_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    stop = {
        "organization": registry.suspend_organization,
        "service": registry.suspend_service,
        "client": registry.disable_client,
        "link": registry.end_link,
    }[table]
    one = {"organization": "city", "service": "kenko", "client": "advice", "link": "kenko-steps"}[table]
    await stop(control, one, "調査", ACTOR, journal)
    with pytest.raises(PostgresError, match="is stopped"):
        async with control.transaction():
            await control.raw.execute(statement)


async def test_a_stop_and_its_end_need_a_reason(control: Connection, journal):
    await certified_service(control)
    for act in (
        registry.suspend_service(control, "kenko", " ", ACTOR, journal),
        registry.reinstate_service(control, "kenko", "", ACTOR),
        registry.end_link(control, "kenko-steps", "a\x00b", ACTOR, journal),
    ):
        with pytest.raises(Problem) as refused:
            await act
        assert refused.value.code == "invalid_request"


async def test_what_ended_a_stop_stays_on_record(control: Connection, journal):
    await certified_service(control)
    await registry.suspend_service(control, "kenko", "点検", ACTOR, journal)
    await registry.reinstate_service(control, "kenko", "点検の終了", "staff:b")
    row = await control.fetchrow("select reason, actor, ended_by, ended_reason from registry.stop")
    assert row is not None
    assert tuple(row) == ("点検", ACTOR, "staff:b", "点検の終了")
    assert (await registry.reinstate_service(control, "kenko", "もう一度", "staff:b")).outcome == "unchanged"
