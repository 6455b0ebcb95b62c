"""What a browser calls itself, as two words by which its owner tells it from others: "Chrome / Windows"."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

# In the order in which they are looked for: most browsers name those that they descend from as well.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def device_of(request: Request) -> str:
    """Of known words only, so that nothing a stranger sends is shown; empty where none fits."""
    agent = request.headers.get("user-agent", "")[:500]
    found = (next((name for mark, name in words if mark in agent), None) for words in (_BROWSERS, _SYSTEMS))
    return " / ".join(name for name in found if name)
