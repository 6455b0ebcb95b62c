"""What happened, as one sentence a resident can read without knowing how the platform works.

A sentence says what moved and only that: a source that was refused, silent or empty is never among what was received
or viewed. It names what was decided or stopped, and people as the resident named them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from moyai.base.errors import CODES
from moyai.consent import sentences_logins
from moyai.consent.catalogue import Names
from moyai.consent.model import Party, words_of_end
from moyai.ledger import Event, Kind

Pair = tuple[str, str]
"""Japanese and English."""


class Part(msgspec.Struct, frozen=True):
    """One source's part of a movement, as far as a sentence needs it."""

    dataset: Pair
    status: str
    items: int | None
    code: str | None


class Viewer(msgspec.Struct, frozen=True):
    """The other side of a sharing, in the words of the resident who shares, and what it shows."""

    name: str
    relation: str
    datasets: tuple[Pair, ...]


class Told(msgspec.Struct, frozen=True):
    """`text` is the whole; `reason` is its end, which says why something was not passed on (empty where all was)."""

    text: Pair
    reason: Pair = ("", "")


class Scene(msgspec.Struct, frozen=True):
    """Everything a sentence may name."""

    event: Event
    names: Names
    parts: tuple[Part, ...]
    source: Party | None
    target: Party | None
    viewer: Viewer | None


def words_for_resident(code: str) -> Pair:
    """What a code says to the resident whom it concerns."""
    known = CODES[code]
    return known.resident_ja or known.ja, known.resident_en or known.en


def tell(scene: Scene) -> Told:
    """The sentence of one entry. A kind without one of its own is told by its name."""
    kind = scene.event.kind
    if kind in (Kind.EXCHANGE, Kind.EXCHANGE_REPEATED, Kind.REFUSAL, Kind.SHARED_VIEW):
        return _moved(scene)
    if kind in _SENTENCES:
        return Told(_SENTENCES[kind](scene))
    where = None if scene.target is None else _called(scene.target)
    login = sentences_logins.tell(kind, scene.event.detail, where)
    if login is not None:
        return Told(login)
    return Told((f"{kind.ja}がありました。", f"{kind.en}."))


# --- movements ----------------------------------------------------------------------------------------------


def _moved(scene: Scene) -> Told:
    ok = [part for part in scene.parts if part.status == "ok"]
    passed, empty = [p for p in ok if p.items != 0], [p for p in ok if p.items == 0]
    closed = [part for part in scene.parts if part.status != "ok"]
    who, reason = _who_asked(scene), _reason(scene.event.detail.get("code"), closed)
    ja, en = _head(scene, who, passed, [*empty, *closed])
    if empty and not passed and not closed:
        ja, en = ja + "データは、ありませんでした。", en + " There was no data."
    elif empty:
        ja += f"{_list(empty)[0]}のデータは、ありませんでした。"
        en += f" No data: {_list(empty)[1]}."
    if passed and closed:
        verb = "見せませんでした" if scene.event.kind is Kind.SHARED_VIEW else "渡しませんでした"
        ja += f"{_list(closed)[0]}は、{verb}。"
        en += f" Not passed on: {_list(closed)[1]}."
    return Told((ja + reason[0], f"{en} {reason[1]}".rstrip()), reason)


def _who_asked(scene: Scene) -> Pair:
    if scene.target is not None:
        return _called(scene.target)
    if scene.viewer is not None:
        return _person(scene.viewer)
    return "共有相手", "The person you share with"


def _head(scene: Scene, who: Pair, passed: Sequence[Part], others: Sequence[Part]) -> Pair:
    kind, what, wanted = scene.event.kind, _list(passed), _list(others)
    if kind is Kind.SHARED_VIEW or scene.target is None:
        if passed:
            return f"{who[0]}が、{what[0]}を見ました。", f"{who[1]} viewed: {what[1]}."
        if _any_closed(scene):
            return (
                f"{who[0]}が見ようとしましたが、見せませんでした。",
                f"{who[1]} wanted to look and was shown nothing.",
            )
        return f"{who[0]}が見ようとしました。", f"{who[1]} wanted to look."
    if kind is Kind.EXCHANGE_REPEATED:
        if not passed:
            return (
                f"{who[0]}に、前と同じ答えをもう一度返しました。",
                f"{who[1]} was given the same answer again.",
            )
        return (
            f"{who[0]}に、前と同じ{what[0]}を、もう一度渡しました。",
            f"{who[1]} was given the same again: {what[1]}.",
        )
    if passed:
        return f"{who[0]}が、{what[0]}を受け取りました。", f"{who[1]} received: {what[1]}."
    if _any_closed(scene):
        return (
            f"{who[0]}が{wanted[0] or 'データ'}を求めましたが、渡しませんでした。",
            f"{who[1]} asked for {wanted[1] or 'data'} and got nothing.",
        )
    return f"{who[0]}が、{wanted[0]}を求めました。", f"{who[1]} asked for {wanted[1]}."


def _any_closed(scene: Scene) -> bool:
    return scene.event.kind is Kind.REFUSAL or any(part.status != "ok" for part in scene.parts)


def _reason(code: str | None, closed: Sequence[Part]) -> Pair:
    """Why: once where it is one reason, by dataset where there are several."""
    codes = list(dict.fromkeys(part.code for part in closed if part.code)) or ([code] if code else [])
    if len(codes) < 2:
        return words_for_resident(codes[0]) if codes else ("", "")
    each = [(_list([p for p in closed if p.code == one]), words_for_resident(one)) for one in codes]
    return "".join(f"{d[0]}：{w[0]}" for d, w in each), " ".join(f"{d[1]}: {w[1]}" for d, w in each)


# --- acts ---------------------------------------------------------------------------------------------------


def _stored(scene: Scene) -> Pair:
    verb = (
        ("削除しました", "deleted")
        if scene.event.kind is Kind.ITEMS_DELETED
        else ("記録しました", "recorded")
    )
    who = _called(scene.source) if scene.source else ("", "")
    items = next((part.items for part in scene.parts), None)
    count = f"{items:,}件" if items else ""
    what = _list(scene.parts)
    number = f" ({items:,})" if items else ""
    if not who[0]:
        return f"{what[0]}を{count}{verb[0]}。", f"{what[1]}{number} {verb[1]}."
    return f"{who[0]}が、{what[0]}を{count}{verb[0]}。", f"{who[1]} {verb[1]}: {what[1]}{number}."


def _decided(scene: Scene) -> Pair:
    """What was decided of which data: allowed, prolonged, kept as it was, refused."""
    you, service, refused = _you(scene.event), _service(scene), _links(scene, "refused")
    parts = [*_allowed(scene, service), *_prolonged(scene, service), *_kept(scene, service)]
    if not parts:
        parts = [
            (
                f"「{service[0]}」に{refused[0] or 'データ'}を使わせることを断りました。",
                f"refused the use by {service[1]} of: {refused[1] or 'data'}.",
            )
        ]
    elif refused[0]:
        parts.append((f"{refused[0]}は断りました。", f"refused: {refused[1]}."))
    ja, en = "".join(part[0] for part in parts), [part[1] for part in parts]
    more = [f"{one[0].upper()}{one[1:]}" for one in en[1:]]
    return f"{you[0]}が、{ja}", " ".join([f"{you[1]} {en[0]}", *more])


def _allowed(scene: Scene, service: Pair) -> list[Pair]:
    given = _links(scene, "given")
    if not given[0]:
        return []
    return [
        (
            f"「{service[0]}」に{given[0]}を使ってよいと決めました。",
            f"allowed {service[1]} to use: {given[1]}.",
        )
    ]


def _prolonged(scene: Scene, service: Pair) -> list[Pair]:
    """One sentence for each end."""
    by_end: dict[str, list[Pair]] = {}
    links: dict[str, str] = scene.event.detail.get("links") or {}
    until_of: dict[str, str] = scene.event.detail.get("until") or {}
    for link_id, until in until_of.items():
        if links.get(link_id) == "prolonged":
            by_end.setdefault(until, []).append(scene.names.link(link_id))
    named = [(_joined(each), words_of_end(datetime.fromisoformat(until))) for until, each in by_end.items()]
    return [
        (
            f"「{service[0]}」への{what[0]}の同意を、{end[1]}延ばしました。",
            f"prolonged the consent to {service[1]} {end[2]}: {what[1]}.",
        )
        for what, end in named
    ]


def _kept(scene: Scene, service: Pair) -> list[Pair]:
    kept = _links(scene, "kept")
    if not kept[0]:
        return []
    return [
        (
            f"「{service[0]}」に、{kept[0]}のうち前からのデータだけを使ってよいと決めました。",
            f"allowed {service[1]} only what it could use before of: {kept[1]}.",
        )
    ]


def _stopped(scene: Scene) -> Pair:
    you, service, what = _you(scene.event), _service(scene), _links(scene, "withdrawn")
    if not what[0]:
        return f"{you[0]}が、「{service[0]}」の利用をやめました。", f"{you[1]} left {service[1]}."
    ja, en = (
        f"{you[0]}が、{what[0]}を止めました（{service[0]}）。",
        f"{you[1]} stopped: {what[1]} ({service[1]}).",
    )
    if scene.event.detail.get("left"):
        return ja + f"「{service[0]}」の利用もやめました。", f"{en} {you[1]} left the service."
    return ja, en


def _accepted_terms(scene: Scene) -> Pair:
    you, service = _you(scene.event), _service(scene)
    return (
        f"{you[0]}が、「{service[0]}」とデータ連携基盤の規約に同意しました。",
        f"{you[1]} accepted the terms of {service[1]} and of the platform.",
    )


def _offered(scene: Scene) -> Pair:
    you, who = _you(scene.event), _viewer(scene)
    links: list[str] = scene.event.detail.get("links") or []
    what, service = _joined([scene.names.link(link) for link in links]), _service(scene)
    return (
        f"{you[0]}が、{who[0]}に{what[0]}を見せるための合言葉をつくりました（{service[0]}）。",
        f"{you[1]} made a code with which {who[1]} may view: {what[1]} ({service[1]}).",
    )


def _taken(scene: Scene) -> Pair:
    who = _viewer(scene)
    what = _joined(scene.viewer.datasets) if scene.viewer else ("", "")
    shown = (f"{what[0]}を", f": {what[1]}") if what[0] else ("", "")
    return (
        f"{who[0]}が合言葉を入力し、{shown[0]}見られるようになりました。",
        f"{who[1]} entered the code and may now view{shown[1]}.",
    )


def what_was_stopped(scene: Scene) -> Pair:
    """The data of a stop, or whom an ended sharing was with, whoever did it."""
    return _viewer(scene) if scene.event.kind is Kind.SHARING_ENDED else _links(scene, "withdrawn")


def _sharing_ended(scene: Scene) -> Pair:
    who = _viewer(scene)
    if scene.event.detail.get("by") == "viewer":
        return f"{who[0]}が、見るのをやめました。", f"{who[1]} stopped viewing."
    you = _you(scene.event)
    return f"{you[0]}が、{who[0]}との共有をやめました。", f"{you[1]} ended the sharing with {who[1]}."


def _first_login(scene: Scene) -> Pair:
    where = _called(scene.target) if scene.target else ("サービス", "a service")
    return (
        f"あなたが、{where[0]}に初めてログインしました。",
        f"You logged in to {where[1]} for the first time.",
    )


def _own_secrets(_: Scene) -> Pair:
    return (
        "あなたが、紙のパスワードと認証アプリの設定を、自分のものに変えました。",
        "You replaced the password and authenticator of your sheet by your own.",
    )


_SENTENCES: dict[Kind, Callable[[Scene], Pair]] = {
    Kind.ITEMS_STORED: _stored,
    Kind.ITEMS_DELETED: _stored,
    Kind.CONSENT_GIVEN: _decided,
    Kind.CONSENT_REFUSED: _decided,
    Kind.CONSENT_WITHDRAWN: _stopped,
    Kind.SERVICE_LEFT: _stopped,
    Kind.TERMS_ACCEPTED: _accepted_terms,
    Kind.SHARING_GIVEN: _offered,
    Kind.SHARING_ACCEPTED: _taken,
    Kind.SHARING_ENDED: _sharing_ended,
    Kind.SUBJECT_TIED: _first_login,
    Kind.INITIAL_PASSWORD_CHANGED: _own_secrets,
}


# --- words --------------------------------------------------------------------------------------------------


def _you(event: Event) -> Pair:
    """Who acted: the resident, or the desk at their request."""
    return ("あなた", "You") if event.actor.startswith("resident:") else ("窓口の職員", "The desk")


def _called(party: Party) -> Pair:
    return (
        f"「{party.component_ja}」（{party.organization_ja}）",
        f"{party.component_en} ({party.organization_en})",
    )


def _person(viewer: Viewer) -> Pair:
    return f"{viewer.name}さん（{viewer.relation}）", f"{viewer.name} ({viewer.relation})"


def _viewer(scene: Scene) -> Pair:
    return _person(scene.viewer) if scene.viewer else ("共有相手", "the person you share with")


def _service(scene: Scene) -> Pair:
    detail = scene.event.detail
    ja, en = scene.names.service(detail.get("service_id") or detail.get("service"))
    return ja or "", en or ""


def _links(scene: Scene, state: str) -> Pair:
    links: dict[str, str] = scene.event.detail.get("links") or {}
    return _joined([scene.names.link(link) for link, known in links.items() if known == state])


def _list(parts: Iterable[Part]) -> Pair:
    return _joined([part.dataset for part in parts])


def _joined(names: Iterable[Pair]) -> Pair:
    """Each name once, in quotation marks where Japanese needs them to stay apart from the sentence."""
    once = list(dict.fromkeys(names))
    return "".join(f"「{ja}」" for ja, _ in once), ", ".join(en for _, en in once)
