"""What the commands of `moyai` do that is not a room's: look, migrate, introspect, call; and how they print and fail."""
