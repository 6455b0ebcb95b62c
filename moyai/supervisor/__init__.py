"""Keeps a platform's processes alive: the embedded engine, `serve`, `worker`, example services.

A process that dies is started again within a second or so; the listening socket is the supervisor's, so that
callers wait in its queue rather than being refused meanwhile. If the supervisor dies, the kernel ends the rest.
"""

from moyai.supervisor.attach import engine_running, refuse_if_running
from moyai.supervisor.keeper import StartError, Supervisor
from moyai.supervisor.listening import bind

__all__ = ["StartError", "Supervisor", "bind", "engine_running", "refuse_if_running"]
