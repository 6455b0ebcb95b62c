"""Open stores: a bounded, least-recently-used set, few sessions each. One that does not answer is
`source_unavailable` by its deadline, and skipped for a while (`moyai.personal.breaker`)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from moyai.base.db import Connection, DiskFull, Pool, PostgresError, Record, is_unavailable
from moyai.base.deadlines import within
from moyai.base.errors import Problem
from moyai.base.lanes import Lane
from moyai.base.tasks import hold
from moyai.personal import store_items
from moyai.personal.breaker import Breaker
from moyai.personal.model import ITEM_BYTES, Item
from moyai.personal.paging import Position
from moyai.personal.projection import Projection, StoredItem

ANSWER_BYTES = 8_388_608
"""Largest answer, over all its sources, where no setting says otherwise."""


class Address(msgspec.Struct, frozen=True):
    """Where one organisation's store answers, as its own role. `name` is its database's, in `/metrics` and console."""

    store_key: int
    dsn: str
    name: str


Locate = Callable[[int], Awaitable[Address | None]]
"""The address of an organisation's store by organisation key; None where it has none."""


class Read(msgspec.Struct, frozen=True):
    """One question to a store: a page of a dataset of one person, of at most `most_bytes` in an answer; with `item_id`
    that item alone. Ids are checked."""

    subject: str
    dataset_id: str
    limit: int
    most_bytes: int
    since: datetime | None = None
    before: datetime | None = None
    before_id: str = ""
    item_id: str | None = None

    @property
    def newest(self) -> bool:
        """Whether nothing but the number of items bounds the page."""
        return self.since is None and self.before is None and self.item_id is None


class Found(msgspec.Struct, frozen=True):
    """What a store has: items, newest first, and the first that the page has no place for."""

    items: list[StoredItem]
    beyond: Position | None = None


@dataclass
class Store:
    """One open store: a lane for exchanges, and a small pool for everything else."""

    address: Address
    pool_size: int
    breaker: Breaker
    seconds: float
    reads: Lane[Read, Found] = field(init=False)
    _pool: Pool | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.reads = Lane(self.address.dsn, read_items, only_reads=True)

    async def read(self, question: Read) -> Found:
        """The answer to one question. Raises Problem: source_unavailable, unavailable, deadline_exceeded."""
        with self.breaker.attempt():
            try:
                return await self.reads.ask(question, self.seconds)
            except TimeoutError as error:
                raise Problem("source_unavailable", "it took too long") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A transaction in the store. Raises Problem("source_unavailable") when the store does not answer, in time."""
        with self.breaker.attempt():
            try:
                with within(self.seconds):
                    async with AsyncExitStack() as stack:
                        yield await self._enter(stack)
            except Exception as error:
                if isinstance(error, DiskFull):
                    raise Problem("storage_full") from error
                if not is_unavailable(error):
                    raise
                raise Problem("source_unavailable", type(error).__name__) from error

    async def _enter(self, stack: AsyncExitStack) -> Connection:
        try:
            return await stack.enter_async_context((await self._opened()).transaction())
        except PostgresError as error:
            # a closed role, another password, a missing database
            raise Problem("source_unavailable", type(error).__name__) from error

    async def _opened(self) -> Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await Pool.open(self.address.dsn, max_size=self.pool_size)
            return self._pool

    async def close(self) -> None:
        """Wait for what is under way, then end the sessions. Whoever still holds this store opens new ones."""
        await self.reads.close()
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()


async def read_items(conn: Connection, questions: Sequence[Read]) -> list[Found]:
    """Answer all questions that wait at one store, with one statement where all ask for their newest, small items."""
    answers: list[Found | None] = [None] * len(questions)
    if newest := [n for n, q in enumerate(questions) if q.newest]:
        small = await _read_newest(conn, [questions[n] for n in newest])
        for n, found in zip(newest, small, strict=True):
            answers[n] = found
    for ask, wanted in ((_read_pages, False), (_read_single, True)):
        rest = [
            n for n, q in enumerate(questions) if answers[n] is None and (q.item_id is not None) is wanted
        ]
        if rest:
            for n, found in zip(rest, await ask(conn, [questions[n] for n in rest]), strict=True):
                answers[n] = found
    return [found for found in answers if found is not None]


async def _read_newest(conn: Connection, questions: Sequence[Read]) -> list[Found | None]:
    """The newest items of each; None where one is larger than its equal share of the page."""
    rows = await store_items.read_newest(
        conn,
        [q.subject for q in questions],
        [q.dataset_id for q in questions],
        [q.limit for q in questions],
        [q.most_bytes // (q.limit + 1) - ITEM_BYTES for q in questions],
    )
    found: list[Found | None] = [Found([]) for _ in questions]
    for row in rows:
        at: int = row["n"] - 1
        page = found[at]
        if page is None:
            continue
        if row["content"] is None:
            found[at] = None
        elif len(page.items) == questions[at].limit:
            found[at] = Found(page.items, _position(row))
        else:
            page.items.append(_item(row))
    return found


async def _read_pages(conn: Connection, questions: Sequence[Read]) -> list[Found]:
    rows = await store_items.read_many(
        conn,
        [q.subject for q in questions],
        [q.dataset_id for q in questions],
        [q.limit for q in questions],
        [q.most_bytes for q in questions],
        [q.since.isoformat() if q.since else "-infinity" for q in questions],
        [q.before.isoformat() if q.before else "infinity" for q in questions],
        [q.before_id for q in questions],
    )
    return _found(len(questions), rows)


async def _read_single(conn: Connection, questions: Sequence[Read]) -> list[Found]:
    rows = await store_items.read_by_id(
        conn,
        [q.subject for q in questions],
        [q.dataset_id for q in questions],
        [q.item_id or "" for q in questions],
        [q.most_bytes for q in questions],
    )
    return _found(len(questions), rows)


def _found(questions: int, rows: Sequence[Record]) -> list[Found]:
    found = [Found([]) for _ in range(questions)]
    for row in rows:
        at: int = row["n"] - 1
        if row["content"] is None:
            found[at] = Found(found[at].items, _position(row))
        else:
            found[at].items.append(_item(row))
    return found


def _position(row: Record) -> Position:
    return Position(row["observed_at"] or row["created_at"], row["item_id"])


def _item(row: Record) -> StoredItem:
    observed_at: datetime | None = row["observed_at"]
    item = Item(row["item_id"], row["version"], observed_at, msgspec.Raw(row["content"].encode()))
    return StoredItem(item, row["shape"], row["created_at"])


class Stores:
    """Finds an organisation's store and keeps the most recently used ones open."""

    def __init__(
        self,
        locate: Locate,
        projection: Projection,
        *,
        most: int,
        pool_size: int,
        seconds: float = 5.0,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self._locate = locate
        self.projection = projection
        self._most = most
        self._pool_size = pool_size
        self._seconds = seconds
        self.answer_bytes = answer_bytes
        self._breakers: dict[int, Breaker] = {}
        self._open: OrderedDict[int, Store] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, organization_key: int) -> Store | None:
        """The store that holds an organisation's data, or None where it has none."""
        known = self._open.get(organization_key)
        if known is not None:
            self._open.move_to_end(organization_key)
            return known
        address = await self._locate(organization_key)
        if address is None:
            return None
        return self._remember(organization_key, address)

    def _remember(self, organization_key: int, address: Address) -> Store:
        store = self._open.get(organization_key)
        if store is None:
            store = Store(address, self._pool_size, self._breaker(address), self._seconds)
            self._open[organization_key] = store
        while len(self._open) > self._most:
            self._end(self._open.popitem(last=False)[1])
        return store

    def _breaker(self, address: Address) -> Breaker:
        """One for each store, also where several organisations share it, and longer than it is held open."""
        if address.store_key not in self._breakers:
            self._breakers[address.store_key] = Breaker(address.name)
        return self._breakers[address.store_key]

    @property
    def skipped(self) -> int:
        """How many stores do not answer now."""
        return sum(breaker.open for breaker in self._breakers.values())

    def forget(self, organization_key: int) -> None:
        """Look the store up anew the next time: it did not answer, and may have another address or password."""
        store = self._open.pop(organization_key, None)
        if store is not None:
            self._end(store)

    def _end(self, store: Store) -> None:
        task = hold(store.close(), "close store")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        closing = (*self._closing, *(store.close() for store in self._open.values()))
        await asyncio.gather(
            *closing, return_exceptions=True
        )  # one that cannot be closed keeps no other open
        self._open.clear()
