"""`moyai apply FILE`: the registry as a file, through the same actions as the API, and the stores that it calls for."""

from moyai.applying.people import login_password
from moyai.applying.steps import Report, Surroundings, apply, apply_file, print_report

__all__ = ["Report", "Surroundings", "apply", "apply_file", "login_password", "print_report"]
