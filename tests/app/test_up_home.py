"""The directory of `moyai up`: made once, found again, and left alone while it is in use."""

from __future__ import annotations

import pytest

from moyai.base.config import ConfigError
from moyai.base.processes import AlreadyRunning
from moyai.supervisor.attach import lock
from moyai.up import scenario
from moyai.up.platform import make_home
from tests.serving import listening_socket
from tests.stack import free_port


@pytest.fixture(scope="module")
def found() -> scenario.Scenario:
    return scenario.read(scenario.find("type-2.1"))


def test_a_second_start_keeps_key_and_port(scratch, found):
    port = free_port()
    first = make_home(scratch / "again", found, port)
    key = first.kek_file.read_text()
    second = make_home(scratch / "again", found, None)
    assert second.kek_file.read_text() == key
    assert second.config().server.port == port
    assert second.config().server.base_url == f"http://localhost:{port}"


def test_another_port_changes_nothing_else(scratch, found):
    home = make_home(scratch / "moved", found, free_port())
    written = home.config_file.read_text().replace("[brokers]", "[logs]\nfile_megabytes = 7\n\n[brokers]")
    home.config_file.write_text(written)
    before, port = home.config(), free_port()
    after = make_home(scratch / "moved", found, port).config()
    assert (after.server.port, after.server.base_url) == (port, f"http://localhost:{port}")
    assert (after.database, after.logs, after.brokers) == (before.database, before.logs, before.brokers)
    assert after.logs.file_megabytes == 7


def test_a_running_platforms_settings_are_not_touched(scratch, found):
    port = free_port()
    home = make_home(scratch / "used", found, port)
    with lock(home), pytest.raises(AlreadyRunning):
        make_home(scratch / "used", found, free_port())
    assert home.config().server.port == port


def test_a_port_that_is_taken_is_said_before_anything_is_written(scratch, found):
    home = make_home(scratch / "taken", found, free_port())
    known = home.config_file.read_text()
    with listening_socket() as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken; give another with --port"):
            make_home(scratch / "taken", found, port)
    assert home.config_file.read_text() == known


def test_another_platforms_directory_is_refused(scratch, found):
    home = make_home(scratch / "other", found, free_port())
    home.config_file.write_text(
        home.config_file.read_text().replace(f'id = "{found.platform.id}"', 'id = "else"')
    )
    with pytest.raises(ConfigError, match="use another --dir"):
        make_home(home.directory, found, None)
