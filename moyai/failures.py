"""What may stop a command for a reason that its user can put right; the texts say how."""

from moyai.base.config import ConfigError
from moyai.base.engine_place import EngineError
from moyai.base.errors import Problem
from moyai.base.migrate import SchemaTooNew, SchemaTooOld
from moyai.base.processes import AlreadyRunning
from moyai.calling import CallError
from moyai.ledger.verify_source import VerifyError
from moyai.supervisor import StartError

EXPECTED = (
    ConfigError,
    Problem,
    EngineError,
    SchemaTooNew,
    SchemaTooOld,
    AlreadyRunning,
    CallError,
    StartError,
    PermissionError,
    VerifyError,
)
