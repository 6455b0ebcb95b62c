"""Backup and restore of a whole platform, and of one store alone (decision 0015).

- `cluster` calls PostgreSQL's own programs; `manifest` says what a backup holds, `beside` keeps the files
- `backup` takes one, `continuous` keeps writing the engine's log beside it
- `restore` puts one back, closed until `replay` has repeated the journal's stops; `log_origin` decides how the log goes on
- `one_store` brings back one organisation's store out of a backup
"""
