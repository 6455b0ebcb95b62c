"""`moyai call`: one signed call."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Several


def call(
    method: str,
    url: str,
    *,
    client: Annotated[str | None, Parameter(help="A client's id whose key lies here, or a key file.")] = None,
    resident: Annotated[
        str | None,
        Parameter(help="Login of run.json, using:SERVICE or new-to:SERVICE (somebody who does, does not)."),
    ] = None,
    data: Annotated[str | None, Parameter(help="The body, as JSON.")] = None,
    form: Annotated[Several, Parameter(help="NAME=VALUE: a field of a form (repeatable).")] = None,
    take: Annotated[
        Several, Parameter(help="NAME=URL#/POINTER: GET this first, and put a member for {NAME}; - is stdin.")
    ] = None,
    header: Annotated[Several, Parameter(help="NAME: VALUE (repeatable).")] = None,
    directory: Directory = DEFAULT_DIRECTORY,
) -> None:
    """Send one API call, and print the answer: signed as a client, as a resident's touch point, or as anybody.

    With --client and --resident the client calls, and {subject} stands for what it knows the resident as,
    {resident} for the resident's ID. Whom it is about comes from run.json, so that no line names anybody.

    Parameters
    ----------
    method
        GET, POST, PUT, PATCH or DELETE.
    url
        A whole URL, or a path on the platform.
    """
    from moyai.commands.call_sending import Asked, run

    asked = Asked(method, url, client, resident, data, form or [], take or [], header or [])
    sys.exit(run(asked, directory))
