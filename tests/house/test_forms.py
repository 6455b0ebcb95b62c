"""Every form of every template: Enter in a field presses the form's first button, so that one is the only one, or only looks.

What a browser does with the pages as they are shown: `assert_enter_decides_nothing` of `tests/pages.py`.
"""

from __future__ import annotations

import re

import pytest

from tests.house.source import ROOT

TEMPLATES = ROOT / "moyai" / "web" / "templates"
FORM = re.compile(r"<form\b.*?</form>", re.S)
FIELD = re.compile(
    r"ui\.(field|select|textarea|radios|checkbox|second_factor)\(|\w+\.(\w+_fields|new_password)\("
    r'|<(select|textarea)\b|<input(?![^>]*type="hidden")'
)
SUBMIT = re.compile(r"ui\.button\(.*?\)\s*\}\}|<button\b[^>]*>", re.S)


def forms() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(TEMPLATES)), form)
        for path in sorted(TEMPLATES.rglob("*.html"))
        for form in FORM.findall(path.read_text(encoding="utf-8"))
    ]


def faults(form: str) -> list[str]:
    """The buttons of a form with fields, if Enter in one of these presses a button that does more than look."""
    submits = [one for one in SUBMIT.findall(form) if 'type="button"' not in one]
    if not FIELD.search(form) or len(submits) < 2 or 'value="look"' in submits[0]:
        return []
    return submits


def test_people_h2_enter_in_a_field_never_presses_a_weighty_button_of_several() -> None:
    found = forms()
    assert len(found) > 30
    assert {where: wrong for where, form in found if (wrong := faults(form))} == {}


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        (
            '<form>{{ ui.field("a") }}{{ ui.button("はい", name="act", value="yes") }}{{ ui.button("いいえ") }}</form>',
            2,
        ),
        ('<form>{{ ui.field("a") }}<button value="look" hidden></button>{{ ui.button("はい") }}</form>', 0),
        ('<form><input type="hidden" name="a">{{ ui.button("はい") }}{{ ui.button("いいえ") }}</form>', 0),
        ('<form><input name="a">{{ ui.button("登録する") }}</form>', 0),
    ],
)
def test_the_rule_sees_what_it_is_for(form: str, wrong: int) -> None:
    assert len(faults(form)) == wrong
