"""What one version of terms says otherwise than another, section by section. Pure."""

from __future__ import annotations

from typing import Any

import msgspec


class SectionChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One section: its title, and its whole text before and now; null where there was none, or is none any more."""

    id: str
    title_ja: str
    title_en: str
    old_ja: str | None = None
    old_en: str | None = None
    new_ja: str | None = None
    new_en: str | None = None


def changed_sections(old: dict[str, Any], new: dict[str, Any]) -> tuple[SectionChange, ...]:
    """The sections whose title, body or entries differ, in the order of `new`; then those that are gone.

    `old` and `new` are contents of published terms (`terms_text`). The title of the whole and the list of links count
    as sections (`title`, `links`).
    """
    before, now = _sections(old), _sections(new)
    changes: list[SectionChange] = []
    for id_ in (*now, *(id_ for id_ in before if id_ not in now)):
        one, other = before.get(id_), now.get(id_)
        if one == other:
            continue
        title_ja, title_en = (other or one or _NOTHING)[0]
        changes.append(SectionChange(id_, title_ja, title_en, *_text(one), *_text(other)))
    return tuple(changes)


_Section = tuple[tuple[str, str], tuple[str, str]]
_NOTHING: _Section = (("", ""), ("", ""))


def _text(section: _Section | None) -> tuple[str | None, str | None]:
    return (None, None) if section is None else section[1]


def _sections(content: dict[str, Any]) -> dict[str, _Section]:
    """Title and text of each section, in both languages, by the section's id."""
    title = content["title"]
    found: dict[str, _Section] = {"title": (("規約の名前", "Title"), (title["ja"], title["en"]))}
    for one in content["sections"]:
        ja, en = ("\n".join([one["body"][x], *(entry[x] for entry in one["entries"])]) for x in ("ja", "en"))
        found[one["id"]] = ((one["title"]["ja"], one["title"]["en"]), (ja, en))
    if content.get("links"):
        links = ("\n".join(_link(link, x) for link in content["links"]) for x in ("ja", "en"))
        found["links"] = (("連携の一覧", "Links"), (next(links), next(links)))
    return found


def _link(link: dict[str, Any], x: str) -> str:
    items = ("、" if x == "ja" else ", ").join(item[x] for item in link["items"])
    ends = f"{link['source'][x]} → {link['user'][x]}"
    return f"{link['dataset'][x]}: {items}; {link['purpose'][x]} {link['benefit'][x]} ({ends}, {link['consent_days']})"
