"""Logs: one JSON line per event, in `DIR/logs/PROCESS.jsonl`, UTC, without personal data or secrets.

What may hold such data is dropped by name before a line is written, and an exception is logged by its kind and
place: its text may quote the value that it stumbled over. A line that cannot be written is counted (`log_file`); logging
never raises.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, BinaryIO, cast

import msgspec
import structlog

from moyai.base import files
from moyai.base.config import Home
from moyai.base.log_file import LogFile

REMOVED = "(removed)"

# Matched as parts of a field's name: `subject`, `subject_id`, `old_password` are all covered.
_SECRET = (
    "password",
    "secret",
    "token",
    "totp",
    "otp",
    "assertion",
    "proof",
    "cookie",
    "authorization",
    "csrf",
)
_PERSONAL = (
    *("subject", "resident", "login", "family", "given_name", "kana", "birth", "address", "postal", "phone"),
    *("email", "content", "body", "query", "item_id", "salt", "dsn", "name_ja", "document"),
)
_DROPPED = _SECRET + _PERSONAL

# Ours to write in full, although a part above occurs in it.
_KEPT = frozenset({"client_id", "token_endpoint"})

Event = MutableMapping[str, Any]


def redact(_logger: object, _method: str, event: Event) -> Event:
    """Drop the values of fields that may hold personal data or secrets."""
    for name in event:
        if name not in _KEPT and any(part in name.lower() for part in _DROPPED):
            event[name] = REMOVED
    return event


def describe_exception(_logger: object, _method: str, event: Event) -> Event:
    """Put an exception's kind and place where its text would have been."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error"] = type(error).__name__
        event["where"] = place(error.__traceback__)
    return event


def _exception(given: Any) -> BaseException | None:
    """What `exc_info` may be: an exception, sys.exc_info()'s triple, or merely true."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return cast("tuple[Any, BaseException | None, Any]", given)[1]
    return sys.exc_info()[1] if given else None


def place(traceback: TracebackType | None) -> list[str]:
    """The innermost five lines of code that an exception came through, innermost last."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(traceback)[-5:]
    ]


def _line(_logger: object, _method: str, event: Event) -> bytes:
    try:
        return msgspec.json.encode(dict(event), enc_hook=lambda value: type(value).__name__)
    except (TypeError, ValueError, RecursionError):
        # A lone surrogate, say. That something happened is still worth a line.
        kept = {name: event.get(name) for name in ("at", "level", "process")}
        return msgspec.json.encode({**kept, "event": "a log line could not be encoded"})


def _with_process(process: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: Event) -> Event:
        event["process"] = process
        return event

    return add


class _Handler(logging.Handler):
    """Records of the standard library's logging (libraries', not ours): kind and place, without arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        # `msg` is the unformatted text: its arguments may be anybody's data. asyncio says what happened in the
        # first line and puts values into the others.
        said = str(record.msg).partition("\n")[0][:200]
        structlog.get_logger().log(record.levelno, said, logger=record.name, exc_info=record.exc_info)


def _crash_logger(path: Path) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    def crashed(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        structlog.get_logger().critical("crashed", exc_info=error)
        where = place(traceback)
        with contextlib.suppress(OSError):
            print(f"{kind.__name__} at {where[-1] if where else '?'}; the log is {path}", file=sys.stderr)

    return crashed


def set_up(home: Home, process: str) -> Path:
    """Send this process's log to `DIR/logs/PROCESS.jsonl`. Returns that path. Never fails: lines are counted as lost."""
    with contextlib.suppress(OSError):
        files.make_directory(home.logs, 0o755)
    path = home.logs / f"{process}.jsonl"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _with_process(process),
            describe_exception,
            redact,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", LogFile(path))),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Handler()]
    root.setLevel(logging.WARNING)
    # What nobody catches goes the same way, not to the standard error with its text.
    sys.excepthook = _crash_logger(path)
    # A library that brought handlers of its own would write values past us.
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # Its lines hold paths and queries; ours hold the route's pattern.
    logging.getLogger("uvicorn.access").disabled = True
    return path
