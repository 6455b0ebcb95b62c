"""One JSON line per event, and nobody's data in it."""

from __future__ import annotations

import json
import logging
import sys

import pytest
import structlog

from moyai.base.config import Home
from moyai.base.logging import REMOVED, set_up

MARKED = "marked-value-3391"


@pytest.fixture
def lines(tmp_path):
    """Reads what was logged, as Python values; restores logging afterwards."""
    handlers, level, hook = logging.getLogger().handlers, logging.getLogger().level, sys.excepthook
    path = set_up(Home(tmp_path), "serve-1")
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    structlog.reset_defaults()
    logging.getLogger().handlers, logging.getLogger().level, sys.excepthook = handlers, level, hook


def test_a_line_says_when_what_and_where(lines):
    structlog.get_logger("moyai.web").warning("something", correlation_id="abc", count=3)
    (line,) = lines()
    assert line["at"].endswith("Z")
    assert {k: line[k] for k in ("event", "level", "process", "correlation_id", "count")} == {
        "event": "something",
        "level": "warning",
        "process": "serve-1",
        "correlation_id": "abc",
        "count": 3,
    }


@pytest.mark.parametrize(
    "field",
    [
        "password",
        "access_token",
        "resident_id",
        "subject",
        "content",
        "family_name",
        "login",
        "dsn",
        "DPoP_proof",
    ],
)
def test_fields_that_may_hold_data_are_removed(lines, field):
    structlog.get_logger().info("act", **{field: MARKED}, client_id="mimamori")
    (line,) = lines()
    assert line[field] == REMOVED
    assert line["client_id"] == "mimamori"


def test_an_exception_is_its_kind_and_place(lines):
    try:
        int(MARKED)
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert "test_logging.py" in line["where"][-1]
    assert MARKED not in json.dumps(line)


def test_libraries_log_without_their_arguments(lines):
    try:
        int(MARKED)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("could not take %s", MARKED)
    (line,) = lines()
    assert (line["event"], line["logger"], line["error"]) == (
        "could not take %s",
        "uvicorn.error",
        "ValueError",
    )
    assert MARKED not in json.dumps(line)


def test_handlers_that_a_library_brought_are_taken_away(tmp_path, lines):
    bare = logging.getLogger("uvicorn")
    bare.handlers, bare.propagate = [logging.StreamHandler()], False
    set_up(Home(tmp_path), "serve-1")
    logging.getLogger("uvicorn.error").error("could not take %s", MARKED)
    assert [line["event"] for line in lines()] == ["could not take %s"]


def test_what_nobody_catches_is_logged_without_its_text(lines, capsys):
    sys.excepthook(ValueError, ValueError(MARKED), None)
    said = capsys.readouterr()
    assert said.out == ""
    assert "ValueError" in said.err
    assert MARKED not in said.err
    (line,) = lines()
    assert (line["event"], line["level"], line["error"]) == ("crashed", "critical", "ValueError")
    assert MARKED not in json.dumps(line)


def test_only_the_first_line_of_a_librarys_text_is_kept(lines):
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {MARKED}")
    assert lines()[0]["event"] == "Task exception was never retrieved"


def test_context_is_kept_for_the_request(lines):
    with structlog.contextvars.bound_contextvars(correlation_id="of-the-request"):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines()
    assert inside["correlation_id"] == "of-the-request"
    assert "correlation_id" not in outside


def test_a_value_that_is_no_json_does_not_stop_the_line(lines):
    structlog.get_logger().info("odd", value=object())
    assert lines()[0]["value"] == "object"
