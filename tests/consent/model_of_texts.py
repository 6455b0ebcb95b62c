"""What a resident may rely on, in plain Python over the texts that were served: it knows no table and no rule of the
product, only what people read, and what they said then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Text = dict[str, Any]
"""One link of a served text, as it came, with the head of that text: `service`."""


def links_of(text: dict[str, Any]) -> list[Text]:
    """Each link as it is read: below what the text says of the service."""
    return [link | {"service": text["service"]} for link in text["links"]]


SAME = (
    *("link_id", "dataset_id", "dataset_ja", "dataset_en", "benefit_ja", "benefit_en"),
    *("purpose_id", "purpose_name_ja", "purpose_name_en", "purpose_ja", "purpose_en"),
    *("generates", "uses", "manages", "service"),
)
"""What must be said of a link still, word for word, for what was read to be true."""


@dataclass
class Decision:
    """The last text of a link that a resident read and answered, with what its items were when it was read."""

    text: Text
    meanings: dict[str, Any]
    ends: datetime
    given: bool


@dataclass
class Share:
    """`links`: what was read of each link, and agreed to, when it was shared; one that was refused since is not in it."""

    sharer: str
    viewer: str
    links: dict[str, Decision]
    ends: timedelta
    ended: bool = False


@dataclass
class Texts:
    """All that was read, and all that is said now. `later` is how much time has been let pass."""

    now: datetime
    later: timedelta = timedelta()
    said: dict[str, Text] = field(default_factory=dict)
    meanings: dict[str, dict[str, Any]] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    closed: dict[str, set[str]] = field(default_factory=dict)
    """Why nothing of a resident may come out, whatever they read; under "" what holds for everybody."""

    untied: set[tuple[str, str]] = field(default_factory=set)
    """Residents and the components that know them no more."""

    silent: set[str] = field(default_factory=set)
    """Why the consumer may not ask."""

    decided: dict[tuple[str, str], Decision] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)

    def is_closed(self, resident: str) -> bool:
        return bool(self.closed.get(resident) or self.closed.get(""))

    def says(self, links: Iterable[Text], meanings: dict[str, dict[str, Any]]) -> None:
        """What the platform says of its links now; `meanings` are the schemas of the items, by dataset and name."""
        self.said = {link["link_id"]: link for link in links}
        self.meanings = {dataset: dict(items) for dataset, items in meanings.items()}

    def decides(
        self,
        resident: str,
        links: Iterable[Text],
        choices: dict[str, str],
        meanings: dict[str, dict[str, Any]],
    ) -> None:
        """An answer to a text, and what its items were when it was read.

        Whoever is said to have all that the text names has it already: nothing moves, and no end. `kept` moves nothing
        either; only `prolonged` moves the end of what there is, and only to a later one.
        """
        for link in links:
            choice = choices.get(link["link_id"], "kept")
            named = {item["name"] for item in link["items"]}
            has_all = named <= self.items(resident, link["link_id"])
            if choice == "kept" or (choice == "given" and has_all):
                continue
            read = dict(meanings[link["dataset_id"]])
            ends = datetime.fromisoformat(link["until"]) + self.later
            if choice == "prolonged" and ends <= self.decided[resident, link["link_id"]].ends:
                continue
            given = choice in ("given", "prolonged")
            self.decided[resident, link["link_id"]] = Decision(link, read, ends, given)
            if not given:
                self._shows_no_more(resident, link["link_id"])

    def stops(self, resident: str, link_id: str) -> None:
        if (resident, link_id) in self.decided:
            self.decided[resident, link_id].given = False
            self._shows_no_more(resident, link_id)

    def _shows_no_more(self, resident: str, link_id: str) -> None:
        for share in self.shares.values():
            if share.sharer == resident:
                share.links.pop(link_id, None)

    def items(self, resident: str, link_id: str) -> set[str]:
        """The items of a link that this resident agreed to, and that still are what was read."""
        read = self.decided.get((resident, link_id))
        if read is None or not read.given or self.is_closed(resident) or self.now + self.later >= read.ends:
            return set()
        return self._still_so(resident, read, link_id)

    def _still_so(self, resident: str, read: Decision, link_id: str) -> set[str]:
        now = self.said.get(link_id)
        if now is None:
            return set()
        if (resident, now["generates"]["component_id"]) in self.untied:
            return set()
        parties = {now["generates"]["organization_id"], now["uses"]["organization_id"]}
        if parties & self.suspended or any(now[name] != read.text[name] for name in SAME):
            return set()
        then, today = (
            self._items(read.text, read.meanings),
            self._items(now, self.meanings[now["dataset_id"]]),
        )
        both = then.keys() & today.keys()
        return set() if any(then[name] != today[name] for name in both) else both

    def _items(self, text: Text, meanings: dict[str, Any]) -> dict[str, Any]:
        return {item["name"]: (item, meanings.get(item["name"])) for item in text["items"]}

    def may_flow(self, consumer: str, purpose: str, resident: str, dataset: str, provider: str) -> set[str]:
        """Names of items that may come out for this component and purpose, from this provider."""
        if self.silent or (resident, consumer) in self.untied:
            return set()
        return {
            name
            for link_id, said in self.said.items()
            if (said["uses"]["component_id"], said["purpose_id"]) == (consumer, purpose)
            if (said["dataset_id"], said["generates"]["component_id"]) == (dataset, provider)
            for name in self.items(resident, link_id)
        }

    def words(
        self, consumer: str, purpose: str, resident: str, dataset: str, provider: str | None
    ) -> set[str]:
        """The codes that say what this resident decided, where nothing else closes the one link that is asked for."""
        links = [
            link_id
            for link_id, said in self.said.items()
            if (said["uses"]["component_id"], said["purpose_id"], said["dataset_id"])
            == (consumer, purpose, dataset)
            if provider in (None, said["generates"]["component_id"])
        ]
        if len(links) != 1 or self.silent or self.is_closed(resident) or self.suspended or self.untied:
            return set()
        read = self.decided.get((resident, links[0]))
        if read is None:
            return {"consent_missing"}
        return set() if read.given else {"consent_refused", "consent_withdrawn"}

    def is_linked(self, consumer: str, purpose: str, dataset: str) -> bool:
        """Whether something is said of this: then no answer may say that there is no link."""
        return any(
            (said["uses"]["component_id"], said["purpose_id"], said["dataset_id"])
            == (consumer, purpose, dataset)
            for said in self.said.values()
        )

    def may_view(self, sharing: str, viewer: str, dataset: str, provider: str) -> set[str]:
        """Names of items that a viewer may see."""
        share = self.shares[sharing]
        if share.ended or share.viewer != viewer or self.later >= share.ends:
            return set()
        return {
            name
            for link_id in share.links.keys() & self.said.keys()
            if self.said[link_id]["dataset_id"] == dataset
            if self.said[link_id]["generates"]["component_id"] == provider
            for name in self.items(share.sharer, link_id)
            & self._still_so(share.sharer, share.links[link_id], link_id)
        }
