"""What can happen in a story: each verb is one act over HTTP, and answers with what came back.

HTTP verbs answer `{"status", "code"}` (code null on success); others say what they looked at. A verb takes the
world (who is who, which client has which key) and the arguments that the scenario gives.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

from moyai.calling import Answer, read_answer
from moyai.ledger.verify import examine
from moyai.up.world import World

Got = dict[str, Any]
Verb = Callable[..., Awaitable[Got]]


def http(answer: Answer) -> Got:
    return {"status": answer.status, "code": answer.code}


async def enrol(world: World, *, who: str, **_: Any) -> Got:
    """The person comes to the desk of their municipality with a document."""
    return http(await world.enrol(who))


async def issue_login(world: World, *, who: str) -> Got:
    """The desk hands over login, password and the secret of the authenticator."""
    return http(await world.issue_login(who))


async def join(world: World, *, who: str, service: str, links: dict[str, str] | None = None) -> Got:
    """The five steps of guidebook 3.2.3 through the touch point's API. `links` left out: one button takes all."""
    person, base = await world.person(who), f"/consent/v1/services/{service}"
    begun = await person.api("POST", f"{base}/enrolment")
    if begun.status >= 400:
        return http(begun)
    steps = (
        ("service-terms", {"sha256": begun.body["service_terms"]["sha256"]}),
        ("platform", {"acknowledged": begun.body["platform_id"]}),
        ("platform-terms", {"sha256": begun.body["platform_terms"]["sha256"]}),
    )
    for step, body in steps:
        answer = await person.api("POST", f"{base}/enrolment/{step}", body)
        if answer.status >= 400:
            return http(answer)
    return await decide(world, who=who, service=service, links=links)


async def decide(world: World, *, who: str, service: str, links: dict[str, str] | None = None) -> Got:
    """Read the text, and decide on every link of it: those not named are given."""
    person, base = await world.person(who), f"/consent/v1/services/{service}"
    text = await person.api("GET", f"{base}/presentation")
    if text.status >= 400:
        return http(text)
    chosen = {one["link_id"]: "given" for one in text.body["text"]["links"]} | (links or {})
    body = {"sha256": text.body["sha256"], "links": chosen}
    return http(world.keep(who, await person.api("POST", f"{base}/decision", body)))


async def decide_unread(world: World, *, who: str, service: str) -> Got:
    """An attempt to consent with the hash of a text that was never served."""
    person = await world.person(who)
    body: dict[str, Any] = {"sha256": "0" * 64, "links": {}}
    return http(await person.api("POST", f"/consent/v1/services/{service}/decision", body))


async def withdraw(world: World, *, who: str, service: str, links: list[str] | None = None) -> Got:
    person = await world.person(who)
    body: dict[str, Any] = {} if links is None else {"links": links}
    answer = await person.api("POST", f"/consent/v1/services/{service}/withdrawal", body)
    return http(world.keep(who, answer))


async def log_in(world: World, *, who: str, at: str) -> Got:
    """Log in to an example service with the platform's login: the first time ties the account."""
    person = await world.person(who)
    page = await person.visit(f"{world.url(at)}/login")
    code = page.query.get("error_description") if page.status >= 400 else None
    if page.status < 400:
        await world.learn_subject(who, at)
    return {"status": page.status, "code": code}


async def record(world: World, *, who: str, at: str) -> Got:
    """Press the button of a provider's page: an item is stored."""
    person = await world.person(who)
    page = await person.post(f"{world.url(at)}/record")
    return {"status": page.status, "code": None}


async def store(
    world: World, *, who: str, client: str, dataset: str, item: str, content: dict[str, Any]
) -> Got:
    """A provider stores an item with its own client."""
    path = f"/personal/v1/subjects/{world.subject(who, client)}/datasets/{dataset}/items/{item}"
    return http(await world.client(client).call("PUT", path, {"content": content}))


async def delete(world: World, *, who: str, client: str, dataset: str, item: str) -> Got:
    path = f"/personal/v1/subjects/{world.subject(who, client)}/datasets/{dataset}/items/{item}"
    return http(await world.client(client).call("DELETE", path))


async def exchange(
    world: World, *, who: str, client: str, purpose: str, datasets: list[str], key: str | None = None
) -> Got:
    """A consumer asks. `key` names an Idempotency-Key of this story."""
    body = {"subject": world.subject(who, client), "purpose": purpose, "datasets": datasets}
    headers = {"Idempotency-Key": world.retry_key(key)} if key else {}
    answer = await world.client(client).call("POST", "/personal/v1/exchange", body, headers)
    world.last = answer
    if answer.status == 200:
        world.exchanges.append(answer.body["exchange_id"])
    return http(answer)


async def sources(world: World) -> Got:
    """What each source of the newest exchange said, and how many organisations they belong to."""
    results: list[dict[str, Any]] = world.last.body["results"]
    said = {str(one["dataset"]): one.get("code") or one["status"] for one in results}
    return {**said, "organizations": len({one["source"]["organization_id"] for one in results})}


async def same_exchange(world: World, *, key: str) -> Got:
    """Whether the newest exchange is the one that this key made at first."""
    return {"same": world.same_exchange(key, world.last.body["exchange_id"])}


async def suspend(world: World, *, organization: str, reason: str) -> Got:
    path = f"/registry/v1/organizations/{organization}/suspension"
    return http(await world.client(world.operator).call("POST", path, {"reason": reason}))


async def reinstate(world: World, *, organization: str, reason: str) -> Got:
    path = f"/registry/v1/organizations/{organization}/suspension?{urlencode({'reason': reason})}"
    return http(await world.client(world.operator).call("DELETE", path))


async def confirm(world: World, *, by: str) -> Got:
    """A member of staff opens the page of what waits for a second person, and confirms the newest of it."""
    clerk, page = await world.clerk(by), f"{world.base_url}/console/pending"
    shown = await clerk.submit(await clerk.visit(page), "pending", {"act": "confirm"})
    if 'name="second_factor"' in shown.text:  # the last code was shown too long ago
        checked = await clerk.submit(shown, "second_factor", {"second_factor": await clerk.code()})
        shown = await clerk.submit(checked, "act", {})  # a code decides nothing
    return {"status": shown.status, "state": shown.query.get("done", "")}


async def move(world: World, *, who: str, municipality_code: str, address: str) -> Got:
    body = {"municipality_code": municipality_code, "address": address}
    return http(await world.desk_call(who, "PUT", "residence", body))


async def erase(world: World, *, who: str, ground: str) -> Got:
    return http(await world.desk_call(who, "POST", "erasure", {"ground": ground}))


async def confirm_erasure(world: World, *, who: str, by: str) -> Got:
    """A clerk opens the page of the erasure that waits, types the resident ID and confirms."""
    resident_id = world.people[who].resident_id or ""
    clerk, page = await world.clerk(by), f"{world.base_url}/desk/residents/{resident_id}/erase"
    shown = await clerk.submit(await clerk.visit(page), "typed", {"typed": resident_id})
    return {"status": shown.status, "state": shown.query.get("done", "erased")}


async def ask_recovery(world: World, *, who: str, ground: str) -> Got:
    """The desk's program asks that a clerk replaces a lost authenticator; it gets nothing itself."""
    return http(await world.desk_call(who, "POST", "authenticator", {"ground": ground}))


async def recover(world: World, *, who: str, by: str) -> Got:
    """A lost authenticator is replaced by a clerk at the desk; the old one is good for nothing afterwards."""
    page = await world.recover(who, by)
    return {"status": page.status, "state": "" if world.people[who].own else "handed_over"}


async def share(
    world: World, *, who: str, service: str, links: list[str], relation: str, name: str, days: int
) -> Got:
    """Offer chosen results to a relative: a code to hand over."""
    person = await world.person(who)
    body = {"service_id": service, "links": links, "relation": relation, "viewer_name": name, "days": days}
    answer = await person.api("POST", "/consent/v1/sharings", body)
    if answer.status < 400:
        world.sharings[who] = answer.body["sharing"]["sharing_id"], answer.body["code"]
    return http(answer)


async def accept(world: World, *, who: str, of: str) -> Got:
    person = await world.person(who)
    return http(await person.api("POST", "/consent/v1/sharings/accept", {"code": world.sharings[of][1]}))


async def view(world: World, *, who: str, of: str) -> Got:
    """The relative looks at what was shared."""
    person = await world.person(who)
    world.last = await person.api("GET", f"/consent/v1/sharings/{world.sharings[of][0]}/items")
    return http(world.last)


async def viewed(world: World) -> Got:
    """Of which datasets the newest look showed something."""
    results: list[dict[str, Any]] = world.last.body["results"]
    return {"datasets": sorted({str(one["dataset"]) for one in results})}


async def end_sharing(world: World, *, who: str) -> Got:
    person = await world.person(who)
    return http(await person.api("DELETE", f"/consent/v1/sharings/{world.sharings[who][0]}"))


async def history(world: World, *, who: str, kinds: list[str]) -> Got:
    """Which of these kinds of record the resident finds in their history."""
    person = await world.person(who)
    answer = await person.api("GET", "/consent/v1/history?limit=100")
    rows: list[dict[str, Any]] = answer.body["rows"] if answer.status == 200 else []
    found = {str(row["kind"]) for row in rows}
    return {"found": sorted(found.intersection(kinds))}


async def locations(world: World, *, who: str) -> Got:
    """Which datasets the resident finds in the list of where their data lies."""
    person = await world.person(who)
    answer = await person.api("GET", "/consent/v1/locations")
    places: list[dict[str, Any]] = answer.body["locations"] if answer.status == 200 else []
    return {"datasets": sorted({str(place["dataset_id"]) for place in places})}


async def city_data(world: World, *, type: str) -> Got:
    """An unmodified NGSI call, without a token."""
    url = f"{world.base_url}/v2/entities?type={type}&limit=1&options=count"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        world.last = await read_answer(response)
    return http(world.last)


async def counted(world: World, *, at_least: int) -> Got:
    """Whether the newest list says that there are enough."""
    return {"enough": int(world.last.headers.get("fiware-total-count", "0")) >= at_least}


async def bad_request(world: World, *, client: str, path: str) -> Got:
    """A body that is not JSON: a clear error, and nothing changes."""
    return http(await world.client(client).call("POST", path, {"unknown": secrets.token_hex(4)}))


async def verify_log(world: World, **_: Any) -> Got:
    """The small program that trusts nothing but keys, after the newest exchange was integrated."""
    await world.await_integration()
    report = await asyncio.to_thread(examine, world.base_url)
    return {"ok": report.ok, "findings": len(report.findings)}


VERBS: dict[str, Verb] = {
    verb.__name__: verb
    for verb in (
        enrol, issue_login, join, decide, decide_unread, withdraw, log_in, record, store, delete, exchange, sources, same_exchange,
        suspend, reinstate, confirm, move, erase, confirm_erasure, ask_recovery, recover, share, accept, view, viewed, end_sharing, history, locations,
        city_data, counted, bad_request, verify_log,
    )
}  # fmt: skip
