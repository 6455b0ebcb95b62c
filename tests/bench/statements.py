"""What an exchange sends to PostgreSQL, caught on the way."""

from contextlib import asynccontextmanager

from moyai.base.db import connect
from moyai.bench import data
from moyai.consent import gate
from moyai.consent.gate import Question
from moyai.ledger import Kind
from moyai.ledger.contents import Exchanged
from moyai.ledger.release import Outcome, prepare, release_many
from moyai.personal.stores import ANSWER_BYTES, Read, read_items

_EXCHANGED = Exchanged(consumer="", consumer_organization="", purpose="", digest="", sources=[])


@asynccontextmanager
async def recorded(conn, queries):
    """The statements, with their values, that are sent on a session meanwhile."""

    def note(query):
        # the driver asks the catalogue for the shape of a type once per session
        if query.args and "typeinfo" not in query.query:
            queries.append((query.query, query.args))

    with conn.raw.query_logger(note):
        yield


async def exchange_statements(conn, ground, sources, number):
    """What an exchange sends: gate, one read per source, ledger. Returns (queries, permits, items)."""
    control, stores, found = [], [], []
    subject = str(data.subject(ground.component_key, number))
    asked = [
        Question(ground.client_key, ground.component_key, subject, party.dataset_key, ground.purpose_key)
        for party in ground.parties[:sources]
    ]
    async with recorded(conn, control):
        verdicts = await gate.ask(conn, asked)
        permits = [permit for verdict in verdicts for permit in verdict.permits]
        made = prepare(Kind.EXCHANGE, "bench", _EXCHANGED, verdicts[0].judged)
        (released,) = await release_many(conn, [made])
        assert released.outcome is Outcome.WRITTEN
    for permit, party in zip(permits, ground.parties, strict=False):
        store = await connect(party.dsn)
        async with recorded(store, stores):
            asked = Read(permit.provider_subject, party.dataset_id, 100, ANSWER_BYTES)
            (read,) = await read_items(store, [asked])
        found.append(
            [{"item_id": i.item.item_id, "content": bytes(i.item.content).decode()} for i in read.items]
        )
        await store.close()
    return control, stores, permits, found
