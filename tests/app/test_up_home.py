"""The directory of `moyai up`: made once, found again, and left alone while it is in use."""

from __future__ import annotations

import pytest

from moyai.base.config import ConfigError
from moyai.base.processes import AlreadyRunning
from moyai.supervisor.attach import lock
from moyai.up import scenario
from moyai.up.platform import make_home


@pytest.fixture(scope="module")
def found() -> scenario.Scenario:
    return scenario.read(scenario.find("type-2.1"))


def test_a_second_start_keeps_key_and_port(scratch, found):
    first = make_home(scratch / "again", found, 8123)
    key = first.kek_file.read_text()
    second = make_home(scratch / "again", found, None)
    assert second.kek_file.read_text() == key
    assert second.config().server.port == 8123
    assert second.config().server.base_url == "http://localhost:8123"


def test_a_running_platforms_settings_are_not_touched(scratch, found):
    home = make_home(scratch / "used", found, 8123)
    with lock(home), pytest.raises(AlreadyRunning):
        make_home(scratch / "used", found, 8124)
    assert home.config().server.port == 8123


def test_another_platforms_directory_is_refused(scratch, found):
    home = make_home(scratch / "other", found, None)
    home.config_file.write_text(
        home.config_file.read_text().replace(f'id = "{found.platform.id}"', 'id = "else"')
    )
    with pytest.raises(ConfigError, match="use another --dir"):
        make_home(home.directory, found, None)
