"""`moyai bench`: questions about speed."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from moyai.commands.arguments import Json

app = App(name="bench", help="Measure, as ratios against a floor in the same run.")


@app.command
def exchange(
    *,
    residents: Annotated[int, Parameter(help="Residents to make; each has three consents.")] = 10_000,
    concurrency: int = 32,
    sources: Annotated[tuple[int, ...], Parameter(help="Sources of one exchange, 1 or 3.")] = (1, 3),
    rounds: int = 3,
    seconds: Annotated[int, Parameter(help="Length of one round.")] = 6,
    processes: int = 2,
    json: Json = False,
) -> None:
    """The main job against pgbench and a bare echo. Needs no running platform, and wrk."""
    from moyai.bench.exchange import Settings
    from moyai.bench.exchange import main as run
    from moyai.upkeep.tables import progress, say, show

    settings = Settings(residents, tuple(sources), concurrency, rounds, seconds, processes)
    report = run(settings, progress, say)
    show(report, as_json=json)
