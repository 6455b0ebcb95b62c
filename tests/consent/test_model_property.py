"""C1 as a property: whatever the registry, the residents and their relatives do, no item, party, purpose or date beyond
the last text that this resident read ever comes out.

The platform runs whole, over HTTP; `model_of_texts` says what may come out, from what was served and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from tests.consent.model_scene import NAMES, Ground, ground
from tests.consent.model_story import Story, begin

__all__ = ["ground"]

EXAMPLES = 60


Step = Callable[[Story, int, str], Awaitable[None]]
STEPS: dict[str, Step] = {
    one.__name__: one
    for one in (
        Story.add_item,
        Story.remove_item,
        Story.reword_item,
        Story.other_schema,
        Story.reword_purpose,
        Story.reword_benefit,
        Story.other_purpose,
        Story.other_days,
        Story.other_consumer,
        Story.rename_provider,
        Story.other_service,
        Story.end_link_and_begin_anew,
        Story.suspend,
        Story.reinstate,
        Story.move,
        Story.close,
        Story.ask_higher_level,
        Story.proof_lower,
        Story.suspend_service,
        Story.publish_terms,
        Story.accept_terms,
        Story.end_tie,
        Story.disable_client,
        Story.take_scope,
        Story.let_time_pass,
        Story.read,
        Story.decide,
        Story.read_and_decide,
        Story.change_one,
        Story.withdraw,
        Story.share,
        Story.end_sharing,
    )
}
HAPPENED = st.tuples(st.sampled_from(list(STEPS)), st.integers(0, 1), st.sampled_from(NAMES))


async def hold(ground: Ground, happened: list[tuple[str, int, str]]) -> None:
    story = await begin(ground)
    for n in (0, 1):
        await story.read_and_decide(n, "a")
    await story.share(0, "a")
    await story.look(everywhere=False)
    # what was read and agreed to does flow: else nothing that follows would say anything
    assert story.flowed == 2 * 2 * 2
    for number, (name, n, which) in enumerate(happened):
        await STEPS[name](story, n, which)
        await story.look(everywhere=number == len(happened) - 1 or name.startswith("other"))
    event("something flowed on" if story.flowed > 8 else "nothing flowed on")


@given(st.lists(HAPPENED, min_size=1, max_size=5))
@example([("add_item", 0, "c")])
@example([("reword_purpose", 0, "a"), ("let_time_pass", 0, "c"), ("read_and_decide", 0, "a")])
@example([("other_consumer", 1, "a"), ("suspend", 1, "a"), ("reinstate", 1, "a")])
@example([("reword_item", 0, "a"), ("end_link_and_begin_anew", 1, "a"), ("end_sharing", 1, "a")])
@example([("other_service", 0, "a"), ("read_and_decide", 0, "a"), ("other_service", 0, "b")])
@example([("add_item", 0, "c"), ("read_and_decide", 0, "a")])
@example([("withdraw", 0, "a"), ("read_and_decide", 0, "a")])
@example([("other_service", 0, "d"), ("read_and_decide", 1, "a")])
@example([("end_link_and_begin_anew", 0, "a"), ("read_and_decide", 0, "a")])
@example([("other_days", 1, "d"), ("read_and_decide", 0, "c"), ("let_time_pass", 0, "c")])
@example([("other_days", 1, "c"), ("change_one", 0, "a"), ("let_time_pass", 0, "c")])
@example([("add_item", 0, "c"), ("change_one", 0, "b"), ("let_time_pass", 0, "c")])
@example([("other_days", 0, "d"), ("change_one", 0, "d"), ("let_time_pass", 0, "c")])
@example([("move", 0, "a"), ("move", 0, "d")])
@example([("close", 0, "a")])
@example([("ask_higher_level", 0, "a"), ("ask_higher_level", 0, "d")])
@example([("proof_lower", 0, "a"), ("proof_lower", 0, "d")])
@example([("suspend_service", 0, "a"), ("suspend_service", 0, "d")])
@example([("publish_terms", 0, "d"), ("publish_terms", 0, "a"), ("accept_terms", 0, "a")])
@example([("end_tie", 0, "a"), ("end_tie", 1, "c")])
@example([("disable_client", 0, "a"), ("disable_client", 0, "d"), ("take_scope", 0, "a")])
@example([("withdraw", 0, "a"), ("read_and_decide", 1, "d")])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
async def test_c1_nothing_beyond_the_last_text_read_ever_comes_out(
    ground: Ground, happened: list[tuple[str, int, str]]
) -> None:
    await hold(ground, happened)


@pytest.mark.heavy
@given(st.lists(HAPPENED, min_size=1, max_size=14))
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
async def test_c1_nothing_beyond_the_last_text_read_ever_comes_out_at_length(
    ground: Ground, happened: list[tuple[str, int, str]]
) -> None:
    await hold(ground, happened)
