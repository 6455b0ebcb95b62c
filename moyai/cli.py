"""The command `moyai`: each subcommand is one function, and lies with its noun in `moyai/commands`. Heavy imports wait
inside them, so that help is quick."""

from __future__ import annotations

import sys

from cyclopts import App

from moyai.commands import backups, bench, call, city, keys, log, platform, registry, staff

app = App(name="moyai", help="もやい: the data-linkage platform that prefectures and municipalities share.")
app.command(platform.up)
app.command(platform.demo)
app.command(platform.serve)
app.command(platform.worker)
app.command(platform.migrate)
app.command(platform.check)
app.command(platform.introspect)
app.command(registry.apply)
app.command(registry.pending)
app.command(registry.confirm)
app.command(registry.revoke)
app.command(staff.issue)
app.command(backups.backup)
app.command(backups.restore)
app.command(keys.app)
app.command(call.call)
app.command(city.import_, name="import")
app.command(log.verify)
app.command(bench.app)


def main() -> None:
    """Run a command; what the user can put right is said in one line, without a traceback."""
    try:
        app()
    except Exception as error:
        from moyai.commands.failures import explain

        text = explain(error)
        if text is None:
            raise
        print(f"moyai: {text}", file=sys.stderr)
        sys.exit(1)
