"""`python -m moyai` is the command `moyai`, for a process that knows its interpreter rather than its PATH."""

from moyai.cli import main

main()
