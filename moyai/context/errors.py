"""NGSI's own errors: a kind that programs match on, and a description for people (Orion API, "Error Responses").

These paths answer `{"error", "description"}` rather than problem documents, because unmodified NGSI clients
expect it. `moyai.web.ngsi` turns them into bytes.
"""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """The error's name on the wire and its HTTP status. `MethodNotAlowed` is spelt as Orion spells it."""

    BAD_REQUEST = ("BadRequest", 400)
    PARSE_ERROR = ("ParseError", 400)
    UNAUTHORIZED = ("Unauthorized", 401)
    FORBIDDEN = ("Forbidden", 403)
    NOT_FOUND = ("NotFound", 404)
    METHOD_NOT_ALLOWED = ("MethodNotAlowed", 405)
    NOT_ACCEPTABLE = ("NotAcceptable", 406)
    TOO_MANY_RESULTS = ("TooManyResults", 409)
    CONTENT_LENGTH_REQUIRED = ("ContentLengthRequired", 411)
    REQUEST_ENTITY_TOO_LARGE = ("RequestEntityTooLarge", 413)
    NO_RESOURCES_AVAILABLE = ("NoResourcesAvailable", 413)
    UNSUPPORTED_MEDIA_TYPE = ("UnsupportedMediaType", 415)
    UNPROCESSABLE = ("Unprocessable", 422)
    PARTIAL_UPDATE = ("PartialUpdate", 422)
    TOO_MANY_REQUESTS = ("TooManyRequests", 429)
    INTERNAL_SERVER_ERROR = ("InternalServerError", 500)
    NOT_IMPLEMENTED = ("NotImplemented", 501)
    SERVICE_UNAVAILABLE = ("ServiceUnavailable", 503)

    @property
    def error(self) -> str:
        return self.value[0]

    @property
    def status(self) -> int:
        return self.value[1]


class NgsiError(Exception):
    """A request that NGSI answers with an error. `description` may name what the request said."""

    def __init__(self, kind: Kind, description: str) -> None:
        super().__init__(f"{kind.error}: {description}")
        self.kind = kind
        self.description = description


def bad_request(description: str) -> NgsiError:
    return NgsiError(Kind.BAD_REQUEST, description)


def parse_error(description: str) -> NgsiError:
    return NgsiError(Kind.PARSE_ERROR, description)


def not_implemented(what: str) -> NgsiError:
    """What NGSIv2 has and this platform does not have yet; the description names it."""
    return NgsiError(Kind.NOT_IMPLEMENTED, f"{what} is not available yet")


def entity_not_found() -> NgsiError:
    return NgsiError(Kind.NOT_FOUND, "The requested entity has not been found. Check type and id")


def attribute_not_found() -> NgsiError:
    return NgsiError(Kind.NOT_FOUND, "The entity does not have such an attribute")
