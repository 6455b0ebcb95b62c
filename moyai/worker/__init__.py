"""What a platform does on its own: gives the ledger its order, has it co-signed, settles and forgets.

`jobs` runs named jobs over and over, each by itself; `platform_jobs` says which there are.
"""

from moyai.worker.jobs import Job, keep_running
from moyai.worker.platform_jobs import work

__all__ = ["Job", "keep_running", "work"]
