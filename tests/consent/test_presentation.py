"""The text before the decision: everything guidebook 3.2.5 and 1.2.3 ask for, the same for everybody."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import facts_of, presentation
from moyai.consent.model import PresentationText, canonical
from tests.admin import as_admin
from tests.consent.conftest import HERE, Walk, calls
from tests.factories import Town, make_component, make_link, make_service

SERVED = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
async def text(control: Connection, town: Town) -> PresentationText:
    return presentation.compose(HERE, await facts_of(control, town.kenko.id), SERVED)


@pytest.mark.requirement("R-112", part="text", of=["text", "stored_only_if_shown", "page"])
async def test_each_link_says_why_what_who_until_when_and_how_to_stop(text: PresentationText) -> None:
    assert [link.link_id for link in text.links] == ["kenko-steps", "kenko-vitals", "kenko-presence"]
    vitals = text.links[1]
    assert vitals.purpose_ja == "健康づくりの助言に使います。"
    assert vitals.benefit_ja == "あなたに合った助言が届きます。"
    assert [item.text_ja for item in vitals.items] == ["体重", "血圧（上）"]
    assert (vitals.generates.organization_ja, vitals.generates.component_ja) == (
        "さぬき東部広域連合",
        "健康アプリ",
    )
    assert (vitals.uses.organization_ja, vitals.uses.component_ja) == ("高松市", "健康見守りアプリ")
    assert vitals.manages.organization_ja == "データ連携運営機構"
    assert vitals.until_ja == "2027年11月24日まで"
    assert "いつでもやめられます" in vitals.stop_ja
    assert vitals.generates.contact


async def test_every_text_is_there_in_both_languages(text: PresentationText) -> None:
    """No Japanese field without its English one, and none of them empty."""

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                if isinstance(name, str) and name.endswith("_ja") and not name.startswith("component"):
                    assert part, name
                    assert value[name.removesuffix("ja") + "en"], name
                walk(part)
        elif isinstance(value, (list, tuple)):
            for part in value:
                walk(part)

    walk(msgspec.to_builtins(text))


async def test_both_terms_versions_are_part_of_it(
    control: Connection, town: Town, text: PresentationText
) -> None:
    facts = await facts_of(control, town.kenko.id)
    assert (text.service_terms.sha256, text.platform_terms.sha256) == (
        facts.terms.sha256,
        facts.platform_terms.sha256,
    )


async def test_the_hash_can_be_computed_by_anybody(text: PresentationText) -> None:
    """From the JSON that the API gives: parse it, sort its keys, drop the spaces, hash it."""
    parsed = msgspec.json.decode(msgspec.json.encode(text))
    assert hashlib.sha256(canonical(parsed)).digest() == text.sha256()


async def test_the_same_day_makes_the_same_text_at_every_touch_point(
    control: Connection, town: Town, box: SecretBox, hanako: Walk
) -> None:
    app = Walk(control, box, calls(town.hanako, session="app"), town.kenko.id)
    await hanako.steps()
    await app.steps()
    portal, touch_point = await hanako.present(), await app.present()
    assert portal.text == touch_point.text
    assert portal.sha256 == touch_point.sha256


@pytest.mark.parametrize(
    ("served", "days", "until"),
    [
        # noon in Takamatsu
        (datetime(2026, 11, 24, 3, 0, tzinfo=UTC), 365, "2027-11-24T15:00:00+00:00"),
        # just before and at midnight in Takamatsu: the day there counts
        (datetime(2026, 11, 24, 14, 59, tzinfo=UTC), 1, "2026-11-25T15:00:00+00:00"),
        (datetime(2026, 11, 24, 15, 0, tzinfo=UTC), 1, "2026-11-26T15:00:00+00:00"),
        # over a leap day
        (datetime(2027, 12, 31, 3, 0, tzinfo=UTC), 60, "2028-02-29T15:00:00+00:00"),
    ],
)
def test_a_consent_lasts_to_the_end_of_the_day_in_japan(served: datetime, days: int, until: str) -> None:
    assert presentation.end_of_consent(served, days).astimezone(UTC).isoformat() == until


async def test_the_text_of_yesterday_still_counts_within_its_hour(
    control: Connection, town: Town, hanako: Walk
) -> None:
    """Midnight between reading and deciding moves no date in the text that was read."""
    await hanako.steps()
    shown = await hanako.present()
    facts = await facts_of(control, town.kenko.id)
    yesterday = presentation.compose(HERE, facts, SERVED)
    async with as_admin(control):
        await control.execute(
            "update consent.presentation set served_at = $1, sha256 = $2, expires_at = clock_timestamp() + interval '1 m'",
            SERVED,
            yesterday.sha256(),
        )
    assert yesterday.sha256().hex() != shown.sha256
    assert (await hanako.decide(yesterday.sha256().hex())).links["kenko-steps"] == "given"


@pytest.mark.requirement("R-098")
async def test_the_granularity_follows_the_number_of_provider_organisations(
    control: Connection, town: Town, text: PresentationText
) -> None:
    """One organisation behind all components: the service as a whole. Several: each component."""
    assert text.granularity == "component"
    single = await make_service(control, town.c1)
    first, second = await make_component(control, town.c1), await make_component(control, town.c1)
    await make_link(control, single, first, second, town.datasets["steps"], town.purposes["watch-over"])
    assert presentation.compose(HERE, await facts_of(control, single.id), SERVED).granularity == "service"
    third = await make_component(control, town.koiki)
    await make_link(control, single, third, second, town.datasets["vitals"], town.purposes["watch-over"])
    assert presentation.compose(HERE, await facts_of(control, single.id), SERVED).granularity == "component"


@pytest.mark.parametrize("state", ["registered", "suspended"])
async def test_a_link_that_could_not_flow_is_not_asked_for(
    control: Connection, town: Town, state: str
) -> None:
    await control.execute(
        "update registry.organization set state = $1 where organization_id = 'koiki'", state
    )
    text = presentation.compose(HERE, await facts_of(control, town.kenko.id), SERVED)
    assert [link.link_id for link in text.links] == ["kenko-steps"]
