"""The flow map's measures: nothing overlaps, nothing is cut off, and closed lines look closed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moyai.web.flow_map import Edge, narrow, wide, wrapped

WORDS = st.text("歩数血圧体重アプリabc（）", min_size=1, max_size=60)
EDGES = st.lists(
    st.builds(Edge, WORDS, WORDS, WORDS, WORDS, WORDS, st.sampled_from(["open", "closed"]), WORDS),
    min_size=1,
    max_size=8,
)


def edge(dataset: str, standing: str = "open", consumer: str = "健康見守り") -> Edge:
    return Edge(dataset, "運動アプリ", "高松市", consumer, "高松市", standing, "使える")  # type: ignore[arg-type]


@given(EDGES)
@pytest.mark.parametrize("draw", [wide, narrow])
def test_boxes_of_a_column_do_not_overlap_and_lie_inside(draw: object, edges: list[Edge]) -> None:
    picture = draw(edges, "もやい")  # type: ignore[operator]
    for x in {box.x for box in picture.boxes}:
        column = sorted((box for box in picture.boxes if box.x == x), key=lambda box: box.y)
        for upper, lower in pairwise(column):
            assert upper.y + upper.height < lower.y
    for box in (*picture.boxes, picture.hub):
        assert box.x >= 0
        assert box.x + box.width <= picture.width
        assert box.y >= 0
        assert box.y + box.height <= picture.height


def test_a_closed_line_is_cut_before_the_platform() -> None:
    closed, reached = wide([edge("歩数", "closed"), edge("血圧")], "もやい").lines[:2]
    assert (closed.standing, closed.cut) == ("closed", True)
    assert (reached.standing, reached.cut) == ("open", False)


def test_a_consumer_is_reached_if_anything_reaches_it() -> None:
    picture = wide([edge("歩数", "closed"), edge("血圧"), edge("在宅", "closed", "別のアプリ")], "もやい")
    assert [line.standing for line in picture.lines[3:]] == ["open", "closed"]


def test_a_provider_with_two_consumers_is_one_box() -> None:
    picture = narrow([edge("歩数"), edge("歩数", consumer="健康ポイント")], "もやい")
    assert len(picture.boxes) == 3


def test_long_labels_break_once_and_are_shortened() -> None:
    assert wrapped("歩数", 10) == ("歩数",)
    assert wrapped("あ" * 15, 10) == ("あ" * 10, "あ" * 5)
    assert wrapped("あ" * 30, 10) == ("あ" * 10, "あ" * 9 + "…")
    assert wrapped("Test platform of towns", 7) == ("Test", "platform o…")


def test_a_line_does_not_begin_with_a_closing_bracket() -> None:
    assert wrapped("体重と血圧（自分ではかる）", 12)[0].endswith("）")
