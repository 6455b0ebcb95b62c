"""What tests of backups share."""

from tests.recovery.test_restore import running

__all__ = ["running"]
