"""What a desk did, as a resident reads it: the office and the reason, never who of its staff."""

from __future__ import annotations

from typing import Any

import msgspec

from moyai.identity.desk import REASONS
from moyai.identity.model import DOCUMENT_CLASSES
from moyai.ledger import Event, Kind

DESK_KINDS = frozenset(
    {
        Kind.STAFF_ACCESS,
        Kind.STAFF_ACCESS_REFUSED,
        Kind.ENROLMENT_MET,
        Kind.TRANSFER_ASKED,
        Kind.TRANSFER_COMPLETED,
        Kind.TRANSFER_ENDED,
        Kind.RESIDENT_ENROLLED,
        Kind.RESIDENT_MOVED,
        Kind.IDENTITY_PROOFED,
        Kind.AUTHENTICATOR_ISSUED,
        Kind.AUTHENTICATOR_RECOVERED,
        Kind.PROTECTION_CHANGED,
        Kind.SECOND_PERSON_ASKED,
    }
)

_LOOKS = {
    "resident_record": ("登録内容を見ました", "looked at your registration"),
    "resident_search": (
        "住民を探し、あなたの登録内容が表示されました",
        "searched, and saw your registration",
    ),
    "consents": ("同意の状況を見ました", "looked at your consents"),
}

_DONE: dict[Kind, tuple[str, str]] = {
    Kind.STAFF_ACCESS_REFUSED: (
        "{office}が、あなたの登録内容を見ようとしましたが、見せていません。",
        "{office} tried to look at your registration and was shown nothing.",
    ),
    Kind.TRANSFER_ASKED: (
        "{office}が、あなたの転入を申し出ました。確認されるまで、何も変わりません。",
        "{office} says that you moved there. Nothing changes until it is confirmed.",
    ),
    Kind.RESIDENT_ENROLLED: (
        "{office}で、住民IDを登録しました。",
        "You were enrolled and got a resident ID: {office}.",
    ),
    Kind.RESIDENT_MOVED: ("住所が変わりました（{office}）。", "Your address changed ({office})."),
    Kind.IDENTITY_PROOFED: (
        "{office}が、書類であなたを確かめました。",
        "{office} checked your identity.",
    ),
    Kind.AUTHENTICATOR_ISSUED: ("{office}で、ログインを発行しました。", "A login was issued: {office}."),
    Kind.PROTECTION_CHANGED: (
        "{office}で、支援措置の登録が変わりました。",
        "The protection of your record was changed: {office}.",
    ),
}

_ACTS = {
    "erase": ("あなたの情報の消去", "The erasure of your data"),
    "recover": ("ログインの再発行", "Recovering your login"),
    "issue": ("ログインの発行", "Issuing a login"),
    "protect": ("支援措置の登録", "The protection of your record"),
}
"""What waits for a second member of staff."""

_ENDED = {
    "void": ("申し出た職員か窓口が扱えなくなったため", "who asked for it may not do so any more"),
    "lapsed": ("期限までに確認されなかったため", "nobody confirmed it in time"),
}

_WAYS = {
    "losing_desk": ("前の窓口が確認し、転入が決まりました。", "The other desk confirmed your move."),
    "resident": ("あなたが確認し、転入が決まりました。", "You confirmed your move."),
    "certificate": (
        "転出証明書を職員二人が確かめ、転入が決まりました。",
        "Two clerks checked the certificate, and your move was settled.",
    ),
    "declined": (
        "転入の申出が断られました。何も変わっていません。",
        "The move was declined. Nothing changed.",
    ),
    "withdrawn": (
        "転入の申出が取り下げられました。何も変わっていません。",
        "The move was taken back. Nothing changed.",
    ),
}


_FOR_RESIDENT: dict[Kind, tuple[str, str]] = {
    Kind.CONSENT_WITHDRAWN: (
        "{office}が、あなたの申出で{what}を止めました（{service}）。{proof}",
        "{office} stopped on your request: {what} ({service}).{proof}",
    ),
    Kind.SERVICE_LEFT: (
        "{office}が、あなたの申出で「{service}」の利用を止めました。{proof}",
        "{office} ended your use of {service} on your request.{proof}",
    ),
    Kind.SHARING_ENDED: (
        "{office}が、あなたの申出で{what}との共有を終わりにしました。{proof}",
        "{office} ended the sharing with {what} on your request.{proof}",
    ),
}


def is_desks(event: Event) -> bool:
    """Whether a desk did this, itself or for the resident."""
    return event.kind in DESK_KINDS or (event.kind in _FOR_RESIDENT and "form" in event.detail)


def without_place(event: Event) -> Event:
    """A desk's act as a protected resident's history shows it: no office, and no text that names one.

    What is committed to stays; named staff can open it. Only the page and the API leave the text out.
    """
    if not is_desks(event):
        return event
    kept = {name: value for name, value in event.detail.items() if name not in _PLACES}
    return msgspec.structs.replace(event, detail=kept, body="", salt=b"")


_PLACES = frozenset({"organization_id", "from", "to"})


def sentence(
    event: Event,
    office: tuple[str, str] | None,
    service: tuple[str | None, str | None] = (None, None),
    what: tuple[str, str] = ("", ""),
) -> tuple[str, str]:
    """What happened, in Japanese and English. `office` is the organisation's name, None where it must not be said; `what`
    names the data that was stopped, or whom a sharing was with.
    """
    ja, en = office or ("", "")
    office_ja, office_en = (
        (f"{ja}の窓口職員" if ja else "窓口の職員"),
        (f"The desk of {en}" if en else "A desk"),
    )
    if event.kind is Kind.STAFF_ACCESS:
        return _look(event.detail, office_ja, office_en)
    if event.kind is Kind.ENROLMENT_MET:
        return _met(event.detail, office_ja, office_en)
    if event.kind in (Kind.TRANSFER_COMPLETED, Kind.TRANSFER_ENDED):
        return _WAYS.get(event.detail["way"], (f"{event.kind.ja}。", f"{event.kind.en}."))
    if event.kind is Kind.SECOND_PERSON_ASKED:
        return _second_person(event.detail, office_ja, office_en)
    if event.kind is Kind.AUTHENTICATOR_RECOVERED:
        return _recovered(event.detail, office_ja, office_en)
    texts = _DONE.get(event.kind) or _FOR_RESIDENT[event.kind]
    proof = _request(event.detail)
    return (
        texts[0].format(office=office_ja, service=service[0], what=what[0], proof=proof[0]),
        texts[1].format(office=office_en, service=service[1], what=what[1], proof=proof[1]),
    )


def _request(detail: dict[str, Any]) -> tuple[str, str]:
    """On what proof a desk acted for the resident."""
    document = DOCUMENT_CLASSES.get(detail.get("document_class", ""))
    if document is None or "form" not in detail:
        return "", ""
    form = detail["form"]
    return (
        f"{document[0]}で本人を確かめ、申出書（番号 {form}）を受け取っています。",
        f" A document was shown ({document[1].lower()}); the signed request is {form}.",
    )


def _recovered(detail: dict[str, Any], office_ja: str, office_en: str) -> tuple[str, str]:
    document = DOCUMENT_CLASSES.get(detail.get("document_class", ""))
    if document is None:  # from before it was asked for
        return (
            f"{office_ja}が、パスワードと確認コードを再発行しました。",
            f"{office_en} issued password and codes anew.",
        )
    form = detail["form"]
    return (
        f"{office_ja}が、{document[0]}で本人を確かめ、申出書（番号 {form}）により、パスワードと確認コードを再発行しました。",
        f"{office_en} checked a document ({document[1].lower()}) and issued password and codes anew, on the signed "
        f"request {form}.",
    )


def _second_person(detail: dict[str, Any], office_ja: str, office_en: str) -> tuple[str, str]:
    act_ja, act_en = _ACTS.get(detail.get("act", ""), ("手続", "An act"))
    if detail.get("withdrawn"):
        return (
            f"{act_ja}の申出が取り下げられました（{office_ja}）。何も変わっていません。",
            f"{act_en} was taken back ({office_en}). Nothing changed.",
        )
    if detail.get("ended") == "objected":
        return (
            f"あなたが、{act_ja}を止めました。何も消えていません。",
            f"You stopped it: {act_en[:1].lower()}{act_en[1:]}. Nothing was erased.",
        )
    if ended := detail.get("ended"):
        why_ja, why_en = _ENDED.get(ended, ("", ""))
        return (
            f"{act_ja}の申出は、{why_ja}、なくなりました（{office_ja}）。何も変わっていません。",
            f"{act_en} is not asked for any more: {why_en} ({office_en}). Nothing changed.",
        )
    if detail.get("act") != "erase" and detail.get("by_program"):
        return (
            f"{office_ja}のシステムが、{act_ja}を申し出ました。職員が行うまで、何も変わりません。",
            f"A program of {office_en} asked for it: {act_en[:1].lower()}{act_en[1:]}. Nothing changes unless its staff do it.",
        )
    if detail.get("act") != "erase":
        return (
            f"{office_ja}の手続（{act_ja}）が、二人目の職員の確認を待っています。",
            f"{act_en} waits for a second member of staff: {office_en}.",
        )
    if detail.get("by_program"):
        return (
            f"{office_ja}のシステムが、あなたの情報の消去を申し出ました。職員が確認するまで、何も消えません。",
            f"A program of {office_en} asked for the erasure of your data. Nothing is erased unless its staff confirm.",
        )
    return (
        f"{office_ja}が、あなたの情報の消去を申し出ました。二人の職員が確認するか、24時間たつと、消去されます。",
        f"{office_en} asked for the erasure of your data. It is done when two clerks confirm, or after 24 hours.",
    )


def _look(detail: dict[str, Any], office_ja: str, office_en: str) -> tuple[str, str]:
    seen_ja, seen_en = _LOOKS.get(detail.get("what", ""), _LOOKS["resident_record"])
    reason = REASONS.get(detail.get("reason", ""))
    if reason is None:  # from before reasons were asked for
        return f"{office_ja}が、{seen_ja}。", f"{office_en} {seen_en}."
    note = detail.get("note", "")
    why_ja, why_en = (f"{reason[0]}、{note}", f"{reason[1]}, {note}") if note else reason
    return f"{office_ja}が、{seen_ja}（理由：{why_ja}）。", f"{office_en} {seen_en} (reason: {why_en})."


def _met(detail: dict[str, Any], office_ja: str, office_en: str) -> tuple[str, str]:
    if detail.get("outcome") == "distinct":
        return (
            f"{office_ja}が、あなたと同じ名前と生年月日の別の人を登録しました。",
            f"{office_en} enrolled another person of your name and birth date.",
        )
    wanted_ja, wanted_en = (
        ("転入", "a move") if detail.get("wanted") == "move_in" else ("登録", "an enrolment")
    )
    return (
        f"{office_ja}に、あなたと同じ名前と生年月日での{wanted_ja}の申込みがあり、断られました。",
        f"{office_en} refused {wanted_en} under your name and birth date.",
    )
