"""What may stop a command for a reason that its user can put right; the texts say how."""

from aiohttp import ClientConnectionError

from moyai.base.closed import PlatformClosed
from moyai.base.config import ConfigError
from moyai.base.db import CannotConnectNow
from moyai.base.engine_place import EngineError
from moyai.base.errors import Problem
from moyai.base.journal import JournalError
from moyai.base.migrate import SchemaTooNew, SchemaTooOld
from moyai.base.processes import AlreadyRunning
from moyai.base.provision import StoreLost
from moyai.base.secrets import KeyNotHeld
from moyai.bench.load import LoadError
from moyai.calling import CallError
from moyai.ledger.verify_source import VerifyError
from moyai.recovery.cluster import BackupError
from moyai.supervisor import StartError

EXPECTED = (
    ConfigError,
    Problem,
    EngineError,
    JournalError,
    KeyNotHeld,
    SchemaTooNew,
    SchemaTooOld,
    AlreadyRunning,
    LoadError,
    CallError,
    StartError,
    StoreLost,
    PermissionError,
    PlatformClosed,
    BackupError,
    VerifyError,
)


def explain(error: Exception) -> str | None:
    """What to tell the user of a command that stopped; None for a fault of ours."""
    if isinstance(error, EXPECTED):
        return str(error)
    # A file that is missing has a name; a socket at which nobody listens has none.
    unanswered = isinstance(error, (ConnectionError, FileNotFoundError)) and error.filename is None
    if unanswered or isinstance(error, (CannotConnectNow, ClientConnectionError)):
        return "the platform does not answer; does it run? (moyai up, or moyai check)"
    return None
