"""From what the rooms answer to what the portal's templates show, in the page's language."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, time, timedelta

import msgspec

from moyai.base.clock import TOKYO
from moyai.consent import history
from moyai.consent.differences import Difference, What
from moyai.consent.model import Act
from moyai.consent.overview import LinkStanding, ServiceStanding
from moyai.personal.model import Location
from moyai.registry.model import Succession, SuccessionKind
from moyai.registry.terms_changes import SectionChange
from moyai.registry.terms_text import LINKED
from moyai.web.consent_sharing import SharingAnswer
from moyai.web.flow_map import Edge
from moyai.web.pages import Language
from moyai.web.portal_views import (
    ChangeView,
    HoldingView,
    LinkView,
    MovementView,
    PartView,
    ProofView,
    ServiceView,
    SharingView,
    SuccessionView,
    UserView,
    ViewerView,
    say,
    words,
)

_A_MOMENT = timedelta(seconds=1)

_NOTES = {
    "given": ("使える", "allowed"),
    "outdated": ("説明が変わった", "text changed"),
    "refused": ("断っている", "refused"),
    "withdrawn": ("止めた", "stopped"),
    "expired": ("期限切れ", "expired"),
    "undecided": ("決めていない", "not decided"),
}
_CLOSED_NOTE = ("いまは停止中", "closed now")


def link(standing: LinkStanding, language: Language) -> LinkView:
    generates, uses = standing.generates, standing.uses
    return LinkView(
        link_id=standing.link_id,
        dataset=words(standing, "dataset", language),
        items=tuple(
            words(item, "text", language) for item in standing.items if item.name not in standing.waiting
        ),
        purpose=words(standing, "purpose", language),
        benefit=words(standing, "benefit", language),
        generates=words(generates, "component", language),
        generates_organization=words(generates, "organization", language),
        uses=words(uses, "component", language),
        uses_organization=words(uses, "organization", language),
        manages=words(standing.manages, "organization", language),
        until=standing.until - _A_MOMENT if standing.until else None,
        standing=standing.standing,
        closed=standing.closed,
        changes=changes(standing.changes, language),
        waiting=tuple(
            words(item, "text", language) for item in standing.items if item.name in standing.waiting
        ),
        declined=tuple(
            words(item, "text", language) for item in standing.items if item.name in standing.declined
        ),
        successions=tuple(succession(one, language) for one in standing.successions),
        to_decide=standing.to_decide,
        receipt=standing.act_id,
    )


_SUCCESSIONS: dict[SuccessionKind, tuple[str, str]] = {
    "renaming": ("名前が変わりました", "Renamed"),
    "merger": ("合併がありました", "Merged"),
    "succession": ("ほかの組織が引き継ぎました", "Taken over"),
    "operation": ("基盤を運営する組織が代わりました", "Another operator of the platform"),
}


def succession(known: Succession, language: Language) -> SuccessionView:
    return SuccessionView(
        say(language, *_SUCCESSIONS[known.kind]),
        words(known.before, "name", language),
        words(known.after, "name", language),
        datetime.combine(known.effective_date, time(12), TOKYO),
        f"{known.document} {known.document_number}".strip(),
        words(known, "notice", language),
    )


_LABELS: dict[What, tuple[str, str]] = {
    "service": ("サービスの名前", "Name of the service"),
    "service_summary": ("サービスの説明", "What the service does"),
    "responsible": ("サービスを提供する組織", "Who provides the service"),
    "purpose": ("何のために", "What for"),
    "purpose_name": ("目的の名前", "Name of the purpose"),
    "benefit": ("使うとできること", "What you gain"),
    "dataset": ("データの名前", "Name of the data"),
    "provider": ("データの提供元", "Provided by"),
    "consumer": ("データの利用先", "Used by"),
    "manager": ("データを届ける運営組織", "Carried by"),
    "item_added": ("使われるデータ", "Data used"),
    "item_removed": ("使われるデータ", "Data used"),
    "item_words": ("使われるデータ", "Data used"),
    "item_values": ("使われるデータの値の種類", "Kind of values"),
    "days": ("同意の続く期間", "How long a consent lasts"),
}
_OTHER_VALUES = ("（値の種類が新しくなりました）", " (other kind of values)")


def changes(known: Iterable[Difference], language: Language) -> tuple[ChangeView, ...]:
    """What changed, each with the old words and the new."""
    return tuple(_change(each, language) for each in known)


_LINKS_OF_TERMS = ("links", LINKED)
_OWN_DECISION = ("（データごとに、別に決めます）", " (decided by itself, data by data)")


def terms_changes(known: Iterable[SectionChange], language: Language) -> tuple[ChangeView, ...]:
    """The sections that changed; of those that repeat the links it is said that accepting decides nothing about them."""
    return tuple(
        ChangeView(
            words(each, "title", language)
            + (say(language, *_OWN_DECISION) if each.id in _LINKS_OF_TERMS else ""),
            each.old_ja if language == "ja" else each.old_en,
            each.new_ja if language == "ja" else each.new_en,
        )
        for each in known
    )


def noon(of: date | None) -> datetime | None:
    """A day (Asia/Tokyo) as a moment in it: what templates show as a day."""
    return None if of is None else datetime.combine(of, time(12), TOKYO)


def _change(known: Difference, language: Language) -> ChangeView:
    old = known.old_ja if language == "ja" else known.old_en
    new = known.new_ja if language == "ja" else known.new_en
    if known.what == "item_values":
        new = f"{new}{say(language, *_OTHER_VALUES)}"
    return ChangeView(say(language, *_LABELS[known.what]), old, new)


def service(standing: ServiceStanding, language: Language) -> ServiceView:
    decided = [known for known in standing.links if known.act_id is not None and known.since is not None]
    newest = max(decided, key=lambda known: known.since or datetime.min, default=None)
    return ServiceView(
        service_id=standing.service_id,
        name=words(standing, "name", language),
        summary=words(standing, "summary", language),
        provider=words(standing.provider, "organization", language),
        url=standing.url,
        in_use=standing.in_use,
        terms_changed=standing.terms_changed and standing.accept_by is not None,
        accept_by=noon(standing.accept_by),
        paused=standing.paused,
        reason=standing.reason,
        links=tuple(link(known, language) for known in standing.links),
        receipt=newest.act_id if newest else None,
    )


def as_decided(view: ServiceView, decided: dict[str, str], until: dict[str, datetime]) -> ServiceView:
    """The service with the links of one act, as that act left them; `until` is the end of each consent."""
    return msgspec.structs.replace(
        view,
        links=tuple(
            msgspec.structs.replace(
                known,
                standing=_STANDS_AS.get(decided[known.link_id], decided[known.link_id]),
                done=decided[known.link_id],
                closed=None,
                changes=(),
                to_decide=False,
                until=until[known.link_id] - _A_MOMENT if known.link_id in until else None,
            )
            for known in view.links
            if known.link_id in decided
        ),
    )


_STANDS_AS = {"kept": "given", "prolonged": "given"}
"""How a link stands after what an act did to it, where the word is another."""


def changed_since(now: ServiceView, decided: ServiceView) -> list[str]:
    """The data that stands otherwise now than an act left it, each once."""
    stands = {known.link_id: known.standing for known in now.links}
    return list(
        dict.fromkeys(known.dataset for known in decided.links if stands[known.link_id] != known.standing)
    )


_DONE: dict[str, tuple[str, str]] = {
    "given": ("{}を「使ってよい」と決めました。", "You allowed: {}. "),
    "prolonged": ("{}の同意を延ばしました。", "You prolonged: {}. "),
    "kept": (
        "{}は、前からのデータだけ使ってよいと決めました。",
        "You allowed only what was allowed before of: {}. ",
    ),
    "refused": ("{}を断りました。", "You refused: {}. "),
    "withdrawn": ("{}を止めました。", "You stopped: {}. "),
}


def what_was_done(view: ServiceView, language: Language) -> str:
    """An act in one or a few sentences, by the names of the data."""
    told: list[str] = []
    for done, texts in _DONE.items():
        names = [known.dataset for known in view.links if known.done == done]
        if names:
            listed = say(language, "".join(f"「{name}」" for name in names), ", ".join(names))
            told.append(say(language, *texts).format(listed))
    return "".join(told).strip()


def stopped_by(act: Act, services: Iterable[ServiceView], language: Language) -> str:
    """A stop in one sentence or two: which data, and whether the service is left."""
    known = [link for each in services for link in each.links if link.link_id in act.links]
    names = list(dict.fromkeys(link.dataset for link in known))
    listed = say(language, "".join(f"「{name}」" for name in names), ", ".join(names))
    told = [say(language, f"{listed}を止めました。", f"Stopped: {listed}.")] if names else []
    if act.content.get("left"):
        told.append(say(language, "サービスの利用をやめました。", "You left the service."))
    return say(language, "", " ").join(told)


def users(services: Iterable[ServiceView]) -> list[UserView]:
    """Who may use data now: consumers with at least one link through which data can flow."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in services:
        for known in each.links:
            if known.flows:
                found.setdefault((known.uses, known.uses_organization), []).append(known.dataset)
    return [UserView(name, org, tuple(dict.fromkeys(datasets))) for (name, org), datasets in found.items()]


def open_links(services: Iterable[ServiceView]) -> frozenset[str]:
    """The links of the resident through which data can flow now."""
    return frozenset(known.link_id for each in services for known in each.links if known.flows)


def viewers(
    sharings: Iterable[SharingAnswer], open_now: Collection[str], language: Language
) -> list[ViewerView]:
    """Who may look now: the sharings of the resident that are in force and have something open to show."""
    found: list[ViewerView] = []
    for each in sharings:
        if each.role == "sharer" and each.state == "in_force":
            shown = tuple(
                words(one, "dataset", language)
                for one in each.links
                if one.opened and one.link_id in open_now
            )
            if shown:
                found.append(ViewerView(str(each.sharing_id), each.name, each.relation, shown))
    return found


def consent_edges(services: Iterable[ServiceView], language: Language) -> list[Edge]:
    """The flow map of the first page: what may flow, and what the resident closed."""
    return [
        Edge(
            known.dataset,
            known.generates,
            known.generates_organization,
            known.uses,
            known.uses_organization,
            "open" if known.flows else "closed",
            say(
                language,
                *(_CLOSED_NOTE if known.closed and known.standing == "given" else _NOTES[known.standing]),
            ),
        )
        for each in services
        for known in each.links
    ]


def holding(location: Location, language: Language) -> HoldingView:
    return HoldingView(
        organization=words(location, "organization_name", language),
        component=words(location, "component_name", language),
        dataset=words(location, "dataset_name", language),
        items=location.items,
        updated_at=location.updated_at,
    )


_PICTURES_OF_CATEGORY = {"exchange": "arrow", "refusal": "stop", "view": "family", "act": "consent"}
_PICTURES = {
    "items_stored": "data",
    "items_deleted": "data",
    "sharing_given": "family",
    "sharing_accepted": "family",
    "sharing_ended": "family",
    "subject_tied": "service",
    "resident_enrolled": "staff",
    "authenticator_issued": "shield",
    "authenticator_recovered": "shield",
    "staff_access": "staff",
}
"""Names of icons in `macros.html`, by kind of entry where the category's own does not fit."""


def movement(row: history.Row, language: Language) -> MovementView:
    target = row.target
    return MovementView(
        entry_id=row.entry_id,
        at=msgspec.convert(row.at, datetime),
        kind=row.category,
        picture=_PICTURES.get(row.kind, _PICTURES_OF_CATEGORY[row.category]),
        title=_title(row, language),
        purpose=words(row, "purpose", language),
        viewer=row.viewer or "",
        target=words(target, "component", language) if target else "",
        target_organization=words(target, "organization", language) if target else "",
        parts=tuple(_part(part, language) for part in row.movements),
        code=None if any(part.code for part in row.movements) else row.code,
        proof=ProofView(leaf=row.proof.leaf, salt=row.proof.salt, body=row.proof.body, index=row.proof.index),
    )


def _title(row: history.Row, language: Language) -> str:
    """The sentence of the row, without the reason: pages show that by itself, with a link."""
    return words(row, "text", language).removesuffix(words(row, "reason", language)).rstrip()


def _part(part: history.Movement, language: Language) -> PartView:
    source = part.source
    return PartView(
        dataset=words(part, "dataset", language),
        source=words(source, "component", language) if source else "",
        source_organization=words(source, "organization", language) if source else "",
        items=part.items,
        code=part.code,
        version=part.version,
    )


def movement_edges(movements: Iterable[MovementView], language: Language) -> list[Edge]:
    """The history's picture: how often data went from where to where, and how often it was refused."""
    gone: dict[tuple[str, str, str, str, str], list[int]] = {}
    for move in movements:
        target = (move.target, move.target_organization)
        if move.kind == "view":
            target = (
                move.viewer or say(language, "共有相手", "Whom you share with"),
                say(language, "見るだけ", "view only"),
            )
        for part in move.parts if target[0] else ():
            if part.source:
                key = (part.dataset, part.source, part.source_organization, *target)
                gone.setdefault(key, [0, 0])[1 if part.code else 0] += 1
    return [
        Edge(*key, "open" if passed else "closed", _counted(passed, refused, language))
        for key, (passed, refused) in gone.items()
    ]


def _counted(passed: int, refused: int, language: Language) -> str:
    if passed and refused:
        return say(language, f"{passed}回、断り{refused}回", f"{passed}× ({refused} no)")
    if passed:
        return say(language, f"{passed}回", f"{passed}×")
    return say(language, f"断り{refused}回", f"refused {refused}×")


def sharing(known: SharingAnswer, language: Language, open_now: Collection[str] | None = None) -> SharingView:
    """`open_now`: the sharer's open links. One who views is not told which of them are closed."""
    shown = [link for link in known.links if open_now is None or (link.opened and link.link_id in open_now)]
    return SharingView(
        sharing_id=str(known.sharing_id),
        name=known.name,
        relation=known.relation,
        service=words(known, "service", language),
        datasets=tuple(words(each, "dataset", language) for each in shown),
        closed=tuple(words(each, "dataset", language) for each in known.links if each not in shown),
        state=known.state,
        expires_at=msgspec.convert(known.expires_at, datetime) - _A_MOMENT,
    )
