"""A town with its desks, and a resident with a login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk, residents, staff, store_logins
from moyai.identity.model import Desk, Evidence, IssuedLogin, Person, Resident
from moyai.identity.staff_model import StaffDeclaration
from tests import factories
from tests.factories import C1, Made, Town
from tests.logins import in_force, own_login

EVIDENCE = Evidence(2, "desk_document", "drivers_license")


def person(**change: object) -> Person:
    fields: dict[str, object] = {
        "family_name": "丸亀",
        "given_name": "太郎",
        "family_kana": "マルガメ",
        "given_kana": "タロウ",
        "birth_date": date(1950, 5, 5),
        "address": "香川県高松市番町1-8-15",
        "municipality_code": C1,
    }
    return Person(**{**fields, **change})  # type: ignore[arg-type]


async def clerk(conn: Connection, organization: Made, login: str) -> Desk:
    """A member of staff at the desk of an organisation."""
    await staff.declare(conn, StaffDeclaration(login, "窓口の人", organization.id, ["desk"], login), "test")
    await in_force(conn, login)
    row = await store_logins.staff(conn, login)
    assert row is not None
    return await desk.desk_of(conn, organization.key, f"staff:{row['staff_id']}", row["staff_key"])


@dataclass(frozen=True)
class Scene:
    town: Town
    c1: Desk
    c2: Desk


@pytest.fixture
async def scene(control: Connection) -> Scene:
    town = await factories.make_town(control)
    return Scene(
        town,
        await desk.desk_of(control, town.c1.key, "staff:c1"),
        await desk.desk_of(control, town.c2.key, "staff:c2"),
    )


@pytest.fixture
async def taro(control: Connection, scene: Scene) -> Resident:
    return await residents.enrol(control, scene.c1, person(), EVIDENCE)


@pytest.fixture
async def login(control: Connection, box: SecretBox, scene: Scene, taro: Resident) -> IssuedLogin:
    return await own_login(control, box, await credentials.issue(control, box, scene.c1, taro, "test"))
