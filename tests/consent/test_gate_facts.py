"""The gate over all facts at once: a Permit exactly when every fact is good, and the first bad one is named."""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import re
import textwrap
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moyai.base.db import Connection
from moyai.base.errors import CODES
from moyai.consent import gate
from moyai.registry import standing
from moyai.web.openapi import codes_of, document
from moyai.web.routes import ROUTES
from tests.factories import (
    C1,
    Made,
    Town,
    make_client,
    make_component,
    make_consent,
    make_link,
    make_organization,
    make_resident,
    tie,
)
from tests.house.source import PACKAGE

GOOD: dict[str, Any] = {
    "client_state": "active",
    "client_may_exchange": True,
    "organization_state": "certified",
    "resident_key": 7,
    "tie_ended": None,
    "resident_state": "active",
    "link_key": 1,
    "link_state": "registered",
    "provider_state": "certified",
    "consumer_state": "certified",
    "service_state": "certified",
    "in_scope": True,
    "consent_state": 1,
    "consent_expired": False,
    "consent_items": ["steps"],
    "terms_outdated": False,
    "ial": 2,
    "required_ial": 2,
    "consent_aal": 2,
    "required_aal": 2,
    "provider_subject": "s",
}

# What the views can say besides: fact → (values that close the link, and the code that then applies).
# In the order in which the gate tells them.
BAD: list[tuple[str, dict[Any, str]]] = [
    ("client_state", {"disabled": "forbidden", None: "forbidden"}),
    ("client_may_exchange", {False: "forbidden", None: "forbidden"}),
    (
        "organization_state",
        {
            "suspended": "organization_suspended",
            "registered": "organization_not_certified",
            None: "organization_not_certified",
        },
    ),
    ("resident_key", {None: "subject_unknown"}),
    ("tie_ended", {True: "subject_unknown"}),
    ("resident_state", dict.fromkeys(("closed", "erased", None), "resident_inactive")),
    ("link_key", {None: "link_missing"}),
    ("link_state", {"ended": "link_missing", None: "link_missing"}),
    ("provider_state", {"suspended": "organization_suspended", "registered": "organization_not_certified"}),
    ("consumer_state", {"suspended": "organization_suspended", "registered": "organization_not_certified"}),
    (
        "service_state",
        {
            **dict.fromkeys(("registered", None), "service_not_certified"),
            "suspended": "service_suspended",
            "organization_suspended": "organization_suspended",
            "organization_registered": "organization_not_certified",
        },
    ),
    ("in_scope", {False: "outside_user_scope", None: "outside_user_scope"}),
    ("consent_state", {None: "consent_missing", 2: "consent_refused", 3: "consent_withdrawn"}),
    ("consent_expired", {True: "consent_expired", None: "consent_expired"}),
    ("consent_items", {None: "consent_outdated", (): "consent_outdated"}),
    ("terms_outdated", {True: "terms_outdated", None: "terms_outdated"}),
    ("ial", {1: "assurance_insufficient", 0: "assurance_insufficient"}),
    ("consent_aal", {1: "assurance_insufficient", 0: "assurance_insufficient"}),
    ("provider_subject", {None: "subject_unknown"}),
]


def facts(code_of: dict[str, Any]) -> Any:
    return {**GOOD, **code_of}


def test_all_good_opens() -> None:
    assert gate.judge(facts({})) is None


@pytest.mark.parametrize(
    ("fact", "value", "code"), [(fact, value, code) for fact, bad in BAD for value, code in bad.items()]
)
def test_one_bad_fact_closes(fact: str, value: Any, code: str) -> None:
    assert gate.judge(facts({fact: value})) == code


@given(st.lists(st.sampled_from([(f, v) for f, bad in BAD for v in bad]), unique_by=lambda p: p[0]))
def test_permit_if_and_only_if_all_facts_are_good(chosen: list[tuple[str, Any]]) -> None:
    changes = dict(chosen)
    expected = next((bad[changes[fact]] for fact, bad in BAD if fact in changes), None)
    assert gate.judge(facts(changes)) == expected


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.sampled_from([None, False, "", 0]), min_size=1))
def test_what_is_unknown_never_opens(changes: dict[str, Any]) -> None:
    """Missing and nonsensical facts close, or break: they do not open. (No level required is a level met.)"""
    changes = {k: v for k, v in changes.items() if not (k.startswith("required_") or k == "tie_ended")}
    if not {k for k, v in changes.items() if v != GOOD[k]} - {"resident_key", "link_key", "provider_subject"}:
        return
    with contextlib.suppress(TypeError, KeyError):
        assert gate.judge(facts(changes)) is not None


def codes_in(*functions: Any) -> set[str]:
    """The codes that stand in the source of these functions."""
    sources = (ast.parse(textwrap.dedent(inspect.getsource(one))) for one in functions)
    constants = (node for source in sources for node in ast.walk(source) if isinstance(node, ast.Constant))
    return {node.value for node in constants if isinstance(node.value, str) and node.value in CODES}


def test_i5_gate_codes_are_the_codes_that_the_gate_can_answer() -> None:
    by_rows = {code for _, bad in BAD for code in bad.values()} - {"link_missing"}
    assert by_rows | {"consumer_not_linked", "purpose_not_registered"} == set(gate.GATE_CODES)
    stands = (standing.of_organization, standing.of_service, standing.of_kept_service)
    judging = (gate.judge, gate._judge_link, *stands, gate._verdict, gate._why_no_link)
    by_source = codes_in(*judging) | set(gate._CONSENT_CODES.values())
    assert by_source == set(gate.GATE_CODES)
    assert codes_in(gate._judge_own, standing.of_organization) == set(gate.OWN_CODES)
    assert len(set(gate.GATE_CODES)) == len(gate.GATE_CODES)


ASKING = {
    ("POST", "/personal/v1/exchange"): gate.GATE_CODES,
    ("GET", "/personal/v1/subjects/{subject}/locations"): gate.GATE_CODES,
    **{
        (one.method, one.path): gate.OWN_CODES
        for one in ROUTES
        if one.path.startswith("/personal/v1/subjects/{subject}/datasets/")
    },
}


@pytest.mark.parametrize("route", ASKING, ids=" ".join)
def test_i5_every_route_that_asks_the_gate_says_with_what_it_refuses(route: tuple[str, str]) -> None:
    (operation,) = [one for one in ROUTES if (one.method, one.path) == route]
    assert set(ASKING[route]) <= set(codes_of(operation))
    answers = json.loads(document(ROUTES, "http://localhost", ""))["paths"][route[1]][route[0].lower()][
        "responses"
    ]
    assert all(code in str(answers[str(CODES[code].status)]) for code in ASKING[route])


def test_i5_no_other_route_asks_the_gate() -> None:
    """Handlers of a module that asks are in `ASKING`, or the gate is asked for a look at what is shared."""
    asks = re.compile(r"\bgate\.(ask|permit_own)\(|\.hot\.run\(")
    modules = {path.stem for path in (PACKAGE / "web").glob("*.py") if asks.search(path.read_text())}
    handled = {
        (one.method, one.path) for one in ROUTES if one.handler.__module__.rpartition(".")[2] in modules
    }
    assert handled == set(ASKING)


class Scene:
    """`mimamori` asks for steps, of which a second provider in another organisation has some too."""

    def __init__(self, conn: Connection, town: Town, client: Made, other: Made, link: Made) -> None:
        self.conn, self.town, self.client, self.other, self.link = conn, town, client, other, link

    def question(self, subject: Any) -> gate.Question:
        town = self.town
        return gate.Question(
            self.client.key,
            town.mimamori.key,
            str(subject),
            town.datasets["steps"].key,
            town.purposes["health-support"].key,
        )


@pytest.fixture
async def scene(control: Connection, town: Town) -> Scene:
    other = await make_component(control, town.koiki, "other-steps")
    link = await make_link(
        control,
        town.kenko,
        other,
        town.mimamori,
        town.datasets["steps"],
        town.purposes["health-support"],
        "kenko-steps-2",
    )
    return Scene(control, town, await make_client(control, town.mimamori), other, link)


async def test_each_of_several_providers_is_judged_for_itself(scene: Scene) -> None:
    town, conn = scene.town, scene.conn
    subject = await tie(conn, town.hanako, town.mimamori)
    known = {p.id: await tie(conn, town.hanako, p) for p in (town.undo_app, scene.other)}
    await make_consent(conn, town.hanako, scene.link)
    (verdict,) = await gate.ask(conn, [scene.question(subject)])
    assert [p.component_id for p in verdict.permits] == ["other-steps"]
    assert [(r.component_id, r.code) for r in verdict.refusals] == [("undo-app", "consent_missing")]
    await make_consent(conn, town.hanako, town.links["steps"])
    (verdict,) = await gate.ask(conn, [scene.question(subject)])
    assert {p.component_id: p.provider_subject for p in verdict.permits} == {
        name: str(value) for name, value in known.items()
    }


async def test_v2_an_ended_link_says_nothing_beside_one_that_answers(scene: Scene) -> None:
    """Whether that one is open or closed: its own reason is told, and no other."""
    town, conn = scene.town, scene.conn
    subject = await tie(conn, town.hanako, town.mimamori)
    await tie(conn, town.hanako, town.undo_app)
    await tie(conn, town.hanako, scene.other)
    await make_consent(conn, town.hanako, scene.link)
    await conn.execute("update registry.link set state = 'ended' where link_key = $1", scene.link.key)
    (verdict,) = await gate.ask(conn, [scene.question(subject)])
    assert (verdict.permits, [(r.component_id, r.code) for r in verdict.refusals]) == (
        [],
        [("undo-app", "consent_missing")],
    )
    await make_consent(conn, town.hanako, town.links["steps"])
    (verdict,) = await gate.ask(conn, [scene.question(subject)])
    assert ([p.component_id for p in verdict.permits], verdict.refusals) == (["undo-app"], [])


async def test_v2_of_several_links_that_all_ended_the_last_is_named(scene: Scene) -> None:
    subject = await tie(scene.conn, scene.town.hanako, scene.town.mimamori)
    await scene.conn.execute("update registry.link set state = 'ended'")
    (verdict,) = await gate.ask(scene.conn, [scene.question(subject)])
    assert [(r.component_id, r.code) for r in verdict.refusals] == [("other-steps", "consumer_not_linked")]


_OTHERS = st.lists(
    st.sampled_from(["open", "refused", "withdrawn", "never", "untied", "moved", "closed", "low"]),
    min_size=1,
    max_size=12,
)
_EXPECTED = {
    "open": None,
    "refused": "consent_refused",
    "withdrawn": "consent_withdrawn",
    "never": "consent_missing",
    "untied": "subject_unknown",
    "moved": "outside_user_scope",
    "closed": "resident_inactive",
    "low": "assurance_insufficient",
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_OTHERS)
async def test_batch_of_many_people_in_many_states(scene: Scene, states: list[str]) -> None:
    """One statement, each judged as if alone."""
    town, conn = scene.town, scene.conn
    await conn.execute("update registry.link set state = 'ended' where link_key = $1", scene.link.key)
    subjects = []
    for state in states:
        resident = await make_resident(
            conn,
            "131016" if state == "moved" else C1,
            name=None,
            ial=1 if state == "low" else 2,
            state="closed" if state == "closed" else "active",
        )
        subject = await tie(conn, resident, town.mimamori)
        provider = await tie(conn, resident, town.undo_app)
        if state == "untied":
            await conn.execute("delete from identity.pairwise where subject = $1", subject)
        if state not in ("never", "untied"):
            kind = state if state in ("refused", "withdrawn") else "given"
            await make_consent(conn, resident, town.links["steps"], kind)
        subjects.append((subject, provider))
    verdicts = await gate.ask(conn, [scene.question(subject) for subject, _ in subjects])
    for state, (_, provider), verdict in zip(states, subjects, verdicts, strict=True):
        codes = [r.code for r in verdict.refusals if r.component_id in ("undo-app", None)]
        if state == "open":
            assert [p.provider_subject for p in verdict.permits] == [str(provider)]
        else:
            assert (verdict.permits, codes[0]) == ([], _EXPECTED[state])


async def test_stranger_organisation_is_not_let_in_by_a_borrowed_component(scene: Scene) -> None:
    """A client asks under another organisation's component: it speaks for its own component alone."""
    town, conn = scene.town, scene.conn
    stranger = await make_organization(conn, "stranger", state="registered")
    component = await make_component(conn, stranger, "stranger-app")
    client = await make_client(conn, component)
    subject = await tie(conn, town.hanako, town.mimamori)
    question = gate.Question(
        client.key,
        town.mimamori.key,
        str(subject),
        town.datasets["steps"].key,
        town.purposes["health-support"].key,
    )
    (verdict,) = await gate.ask(conn, [question])
    assert (verdict.permits, verdict.refusals[0].code) == ([], "forbidden")
