"""Settings: one tree of defaults, four layers, and errors that say where and what instead."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
import users

from outrider_agent import errors, settings, settings_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path):
    """A settings file, and an environment in which it is found."""
    path = tmp_path / "config" / "outrider" / "outrider.toml"
    path.parent.mkdir(parents=True)
    return path


def environment(file, **variables):
    return {"XDG_CONFIG_HOME": str(file.parent.parent), "HOME": "/nowhere", **variables}


def test_without_anything_every_value_is_its_default():
    """Rule: the tree of defaults is the whole truth about an unconfigured agent."""
    assert settings.load(environ={"HOME": "/nowhere"}) == settings.Settings()
    assert {origin for _, _, origin in settings.describe(environ={"HOME": "/nowhere"})} == {"default"}


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_default(file):
    """Rule: CLI > environment > TOML > default, a key at a time, and the origin is told."""
    file.write_text("[ship]\nbatch_records = 1\nbatch_bytes = 5000\npoll_interval_s = 3\n")
    environ = environment(file, OUTRIDER_SHIP_BATCH_RECORDS="2", OUTRIDER_SHIP_BATCH_BYTES="6000")
    described = {key: (value, origin) for key, value, origin in settings.describe(["ship.batch_records=3"], environ=environ)}
    assert described["ship.batch_records"] == (3, "--set")
    assert described["ship.batch_bytes"] == (6000, "OUTRIDER_SHIP_BATCH_BYTES")
    assert described["ship.poll_interval_s"] == (3.0, str(file))
    assert described["ship.flush_interval_s"] == (0.25, "default")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("--set", "--set: there is no setting ship.batch_record. Did you mean ship.batch_records?"),
        ("environment", "OUTRIDER_SHIP_BATCH_RECORD is no setting. Did you mean OUTRIDER_SHIP_BATCH_RECORDS?"),
        ("file", "there is no setting ship.batch_record. Did you mean ship.batch_records?"),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(file, where, message):
    """Rule: a misspelled key is never silently without effect, wherever it stands."""
    overrides = ["ship.batch_record=3"] if where == "--set" else []
    environ = environment(file, **({"OUTRIDER_SHIP_BATCH_RECORD": "3"} if where == "environment" else {}))
    file.write_text("[ship]\nbatch_record = 3\n" if where == "file" else "")
    with pytest.raises(errors.SettingsError) as caught:
        settings.load(overrides, environ=environ)
    assert message in str(caught.value)
    if where == "file":
        assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[ship]\nbatch_records = "many"\n', "ship.batch_records = 'many' does not fit"),
        ("[ship]\nbatch_records = 1.5\n", "ship.batch_records = 1.5 does not fit"),
        ("[agent]\nliveness_interval_s = -1\n", "agent.liveness_interval_s = -1"),
        ('[log]\nlevel = "loud"\n', "one of debug, info, warning, error"),
        ("[outputs]\nenabled = 1\n", "true or false"),
        ("ship = 3\n", "write [ship] on a line of its own"),
        ("[shipp]\n", "there is no section [shipp]. Did you mean ship?"),
        ("[ship\n", "cannot be read"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_where_it_was_written(file, text, part):
    """Rule: the message names the file, the key and what would fit."""
    file.write_text(text)
    with pytest.raises(errors.SettingsError) as caught:
        settings.load(environ=environment(file))
    assert str(file) in str(caught.value)
    assert part in str(caught.value)


@pytest.mark.parametrize("text", ["ship.batch_records", "ship.batch_records=", "ship.batch_records=x", "outputs.enabled=maybe"])
def test_a_wrong_override_names_the_option(text):
    """Rule: text that does not become the type is refused at the option."""
    with pytest.raises(errors.SettingsError, match=r"^--set"):
        settings.load([text], environ={"HOME": "/nowhere"})


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("ON", True), ("no", False), ("0", False)])
def test_a_switch_is_written_as_people_write_it(text, value):
    """Rule: in text, true/1/yes/on and false/0/no/off are switches."""
    assert settings.load([f"outputs.enabled={text}"], environ={"HOME": "/nowhere"}).outputs.enabled is value


def test_a_file_that_was_named_has_to_exist(tmp_path):
    """Rule: a path the user gave is never silently passed over."""
    with pytest.raises(errors.SettingsError, match="--config"):
        settings.load(config=str(tmp_path / "none.toml"), environ={})
    with pytest.raises(errors.SettingsError, match="OUTRIDER_CONFIG"):
        settings.load(environ={"OUTRIDER_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, for another user")
def test_the_systems_file_is_not_for_those_that_may_not_read_it(tmp_path):
    """`outrider service install --system` makes /etc/outrider for its group; a command of anybody else failed there."""
    closed = tmp_path / "etc"
    closed.mkdir(mode=0o750)
    (closed / "outrider.toml").write_text("[ship]\nbatch_records = 7\n")
    code = (
        "import pathlib, sys; from outrider_agent import settings; settings.SYSTEM = pathlib.Path(sys.argv[1]); "
        "print(settings.load(environ={'HOME': '/nowhere'}).ship.batch_records)"
    )
    path = str(closed / "outrider.toml")
    with users.start(61234, sys.executable, "-c", code, path, stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate(timeout=60)[0] == f"{settings.Settings().ship.batch_records}\n"
    assert subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout == "7\n"


def test_the_file_of_the_environment_wins_over_the_users(file, tmp_path):
    """Rule: $OUTRIDER_CONFIG, else the user's file, else the system's."""
    file.write_text("[log]\nlevel = 'debug'\n")
    other = tmp_path / "other.toml"
    other.write_text("[log]\nlevel = 'error'\n")
    assert settings.load(environ=environment(file)).log.level == "debug"
    assert settings.load(environ=environment(file, OUTRIDER_CONFIG=str(other))).log.level == "error"


def test_one_variable_sets_the_cap_of_the_script_and_of_the_agent():
    """Rule: the script's OUTRIDER_MAX_SPOOL_BYTES is the agent's cap too, and the agent's own name wins."""
    assert settings.load(environ={"HOME": "/x", "OUTRIDER_MAX_SPOOL_BYTES": "2000000"}).spool.max_bytes == 2_000_000
    both = {"HOME": "/x", "OUTRIDER_MAX_SPOOL_BYTES": "2000000", "OUTRIDER_SPOOL_MAX_BYTES": "3000000"}
    assert settings.load(environ=both).spool.max_bytes == 3_000_000


def test_settings_are_frozen():
    """Rule: nobody changes a setting behind another's back."""
    with pytest.raises(AttributeError):
        settings.Settings().ship.batch_records = 3


def leaves(document, above=""):
    """The values of a document, each by its whole key."""
    for key, value in document.items():
        yield from leaves(value, f"{above}{key}.") if isinstance(value, dict) else [(f"{above}{key}", value)]


def test_a_section_within_another_is_set_in_every_way(file):
    """Rule: a sink's section has two words; each layer spells them its own way."""
    file.write_text("[sinks.http]\nurl = 'http://file'\npart_bytes = 100000\n")
    environ = environment(file, OUTRIDER_SINKS_HTTP_URL="http://environment")
    assert settings.load(environ=environ).sinks.http.url == "http://environment"
    found = settings.load(["sinks.http.url=http://line"], environ=environ).sinks.http
    assert (found.url, found.part_bytes) == ("http://line", 100_000)
    file.write_text("[sinks.htp]\nurl = 'x'\n")
    with pytest.raises(errors.SettingsError, match=r"no section \[sinks.htp\]. Did you mean sinks.http"):
        settings.load(environ=environment(file))
    file.write_text("sinks = 3\n")
    with pytest.raises(errors.SettingsError, match="sinks is a section"):
        settings.load(environ=environment(file))


def test_the_example_file_has_every_setting_with_its_default_and_only_those():
    """Rule: systemd/outrider.toml, uncommented, is the tree of defaults."""
    text = (ROOT / "systemd" / "outrider.toml").read_text()
    assert text == settings_text.toml(), "run: python -m outrider_agent.settings_text toml > systemd/outrider.toml"
    uncommented = "\n".join(line.removeprefix("#") for line in text.splitlines() if not line.startswith("# ") and line != "#")
    document = tomllib.loads(uncommented)
    assert dict(leaves(document)) == {field.key: msgspec.json.decode(msgspec.json.encode(field.default)) for field in settings.fields()}
    assert dict(leaves(tomllib.loads(text))) == {}


def test_the_page_of_the_documentation_is_what_the_code_says():
    """Rule: docs/settings.md is made from the tree."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_text.markdown(), (
        "run: python -m outrider_agent.settings_text markdown > docs/settings.md"
    )


@pytest.mark.parametrize("field", list(settings.fields()), ids=lambda field: field.key)
def test_every_setting_says_its_unit_and_what_it_does(field):
    """Rule: durations end in _s, sizes in _bytes, and each has a sentence. A port is a number without a unit."""
    assert field.description.endswith(".")
    if field.type is float:
        assert field.name.endswith("_s")
    if field.type is int:
        assert field.name.endswith(("_bytes", "_records", "_files")) or field.name == "port"
