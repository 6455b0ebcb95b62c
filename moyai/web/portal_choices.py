"""The choices of the decision page in words: what each does to a link as it stands, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from moyai.consent.model import Choice, LinkText, words_of_end
from moyai.consent.overview import LinkStanding
from moyai.web.pages import Language
from moyai.web.portal_views import say


class Offer(msgspec.Struct, frozen=True):
    """One choice: its value in the form, its words, what it means for the end; whether it says no, and whether it changes
    what stands."""

    value: Choice
    label: str
    note: str
    no: bool
    changes: bool


def as_it_stands(
    known: Mapping[str, LinkStanding], offered: Mapping[str, Sequence[Choice]]
) -> dict[str, Choice]:
    """What is chosen beforehand: what stands, where nothing waits for a decision."""
    return {
        link_id: "kept"
        for link_id, values in offered.items()
        if "kept" in values and link_id in known and not known[link_id].to_decide
    }


def offers(
    text: LinkText, stands: LinkStanding | None, offered: Sequence[Choice], language: Language
) -> list[Offer]:
    """The offered choices of one link, in words. Before the first decision the day stands above them already."""
    return [_offer(choice, text, stands, language) for choice in offered]


def _offer(choice: Choice, text: LinkText, stands: LinkStanding | None, language: Language) -> Offer:
    given = stands is not None and stands.standing == "given"
    until = say(language, text.until_ja, text.until_en)
    if choice == "refused":
        return Offer(choice, *_refusing(stands, language), no=True, changes=True)
    if choice == "prolonged":
        label = say(language, f"{text.until_ja}延ばす", f"Prolong it {text.until_en}")
        return Offer(choice, label, "", no=False, changes=True)
    if choice == "kept" and not given:
        return Offer(choice, *_pair(_REFUSED_ALREADY, language), no=True, changes=False)
    if choice == "kept":
        words = _ONLY_BEFORE if stands is not None and stands.waiting else _ALLOWED_ALREADY
        changes = stands is not None and stands.to_decide
        return Offer(choice, say(language, *words), _end(stands, language), no=False, changes=changes)
    more = given and stands is not None and bool(stands.waiting)
    note = until if stands is not None else ""
    return Offer(choice, say(language, *(_WITH_MORE if more else _ALLOW)), note, no=False, changes=True)


_ALLOW = ("使ってよい", "Allow")
_WITH_MORE = ("増えたデータも使ってよい", "Allow what was added, too")
_ONLY_BEFORE = ("前からのデータだけ使ってよい", "Allow only what was allowed before")
_ALLOWED_ALREADY = ("使ってよい", "Allow")
_REFUSED_ALREADY = (("断る", "Refuse"), ("いまのまま", "as it is"))
_REFUSE = (("断る", "Refuse"), ("", ""))
_STOP = (("断る", "Refuse"), ("いまの同意を止めます", "stops what is allowed now"))
_STOP_ALL = (("断る", "Refuse"), ("前からのデータも止まります", "stops the earlier data, too"))


def _refusing(stands: LinkStanding | None, language: Language) -> tuple[str, str]:
    if stands is None or stands.standing != "given":
        return _pair(_REFUSE, language)
    return _pair(_STOP_ALL if stands.waiting else _STOP, language)


def _pair(words: tuple[tuple[str, str], tuple[str, str]], language: Language) -> tuple[str, str]:
    return say(language, *words[0]), say(language, *words[1])


def _end(stands: LinkStanding | None, language: Language) -> str:
    if stands is None or stands.until is None:
        return say(language, "いまのまま", "as it is")
    _, ja, en = words_of_end(stands.until)
    return say(language, f"いまのまま、{ja}", f"as it is, {en}")
