"""A9: a sharing shows what was consented to when it was made; nobody shares by deciding about the service."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import gate, sharing, sharing_in_force, withdrawal
from moyai.identity.model import ResidentCaller
from tests.consent.conftest import HERE, Walk, calls
from tests.consent.test_changed_texts import NEW_ITEM, NEW_PURPOSE
from tests.factories import Town, make_resident, tie


class Shared:
    """Hanako shares her vitals and steps with her daughter in Tokyo."""

    def __init__(self, hanako: Walk, town: Town, daughter: ResidentCaller) -> None:
        self.hanako, self.conn, self.town = hanako, hanako.conn, town
        self.daughter = daughter

    async def share(self) -> None:
        offer = await sharing.share(
            self.conn,
            self.hanako.caller,
            self.hanako.service_id,
            ["kenko-vitals", "kenko-steps"],
            relation="娘",
            viewer_name="恵",
            days=30,
        )
        taken = await sharing.accept(self.conn, self.daughter, offer.code)
        assert taken is not None
        self.sharing_id = taken.sharing_id

    async def seen(self) -> dict[str, tuple[str, ...] | str | None]:
        """By link: the names of the items that the daughter may see, or why none."""
        found = await sharing_in_force(self.conn, self.sharing_id, self.daughter.resident_key)
        assert found is not None
        permits, refusals = await gate.permit_shared(
            self.conn,
            resident_key=found.resident_key,
            link_keys=found.link_keys,
            version_keys=found.version_keys,
        )
        open_links = {str(one.link_id): one.items for one in permits}
        return open_links | {str(one.link_id): one.code for one in refusals}

    async def decide(self, vitals: str = "given") -> None:
        text = await self.hanako.present()
        choices = {link.link_id: "given" for link in text.text.links} | {"kenko-vitals": vitals}
        await self.hanako.decide(text.sha256, choices)  # type: ignore[arg-type]

    async def stop(self, *links: str) -> None:
        hanako = self.hanako
        await withdrawal.withdraw(self.conn, hanako.caller, HERE, hanako.box, hanako.service_id, list(links))


@pytest.fixture
async def shared(control: Connection, town: Town, hanako: Walk) -> Shared:
    for provider in (town.kenko_app, town.undo_app):
        await tie(control, town.hanako, provider)
    await hanako.join()
    daughter = calls(await make_resident(control, "131016", name=("讃岐", "恵", "サヌキ", "メグミ")))
    made = Shared(hanako, town, daughter)
    await made.share()
    return made


VITALS = ("systolic", "weight_kg")


async def test_a9_deciding_on_a_wider_text_shows_a_relative_nothing_more(shared: Shared) -> None:
    await shared.conn.raw.execute(NEW_ITEM)
    assert await shared.seen() == {"kenko-vitals": VITALS, "kenko-steps": ("steps",)}
    await shared.decide()
    assert await shared.seen() == {"kenko-vitals": VITALS, "kenko-steps": ("steps",)}
    await shared.share()
    assert (await shared.seen())["kenko-vitals"] == ("illness", *VITALS)


async def test_a9_a_text_that_says_something_else_has_to_be_shared_anew(shared: Shared) -> None:
    await shared.conn.raw.execute(NEW_PURPOSE)
    assert (await shared.seen())["kenko-vitals"] == "consent_outdated"
    await shared.decide()
    assert await shared.seen() == {"kenko-vitals": "grant_not_in_force", "kenko-steps": ("steps",)}


async def test_a9_withdrawn_and_given_again_is_not_shared_again(shared: Shared) -> None:
    await shared.stop("kenko-vitals")
    assert (await shared.seen())["kenko-vitals"] == "consent_withdrawn"
    await shared.decide()
    assert await shared.seen() == {"kenko-vitals": "grant_not_in_force", "kenko-steps": ("steps",)}


async def test_a9_refused_and_given_again_is_not_shared_again(shared: Shared) -> None:
    await shared.decide("refused")
    await shared.decide()
    assert await shared.seen() == {"kenko-vitals": "grant_not_in_force", "kenko-steps": ("steps",)}


async def test_a9_a_sharing_ends_with_the_last_of_its_links(shared: Shared) -> None:
    await shared.stop("kenko-vitals")
    assert (await sharing.sharings(shared.conn, shared.daughter))[0].state == "in_force"
    await shared.stop("kenko-steps")
    (ended,) = await sharing.sharings(shared.conn, shared.daughter)
    assert (ended.state, ended.versions) == ("ended", {})
    assert ended.ended_at is not None


async def test_a9_what_is_outdated_cannot_be_shared(shared: Shared) -> None:
    await shared.conn.raw.execute(NEW_PURPOSE)
    with pytest.raises(Problem) as refused:
        await shared.share()
    assert refused.value.code == "link_not_shared"


async def test_a9_another_residents_withdrawal_leaves_the_sharing_alone(
    shared: Shared, control: Connection
) -> None:
    ichiro = Walk(
        control, shared.hanako.box, calls(shared.town.ichiro, session="2"), shared.hanako.service_id
    )
    await ichiro.join()
    other = Shared(ichiro, shared.town, shared.daughter)
    await other.stop("kenko-vitals")
    assert (await shared.seen())["kenko-vitals"] == VITALS
