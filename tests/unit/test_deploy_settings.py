"""The image, the compose files and the manifests set what there is to set: a misspelled variable would keep an agent from starting."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from outrider_agent import settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy"
#: Of the script's side, and of compose itself.
OTHERS = {"OUTRIDER_HOME", "OUTRIDER_RUN_NAME", "OUTRIDER_IMAGE"}


def test_every_variable_is_a_setting():
    """Rule: an unknown OUTRIDER_<SECTION>_… stops the agent, so none may be in what we hand out."""
    found = {name for path in FOLDER.rglob("*") if path.is_file() for name in re.findall(r"\bOUTRIDER_[A-Z_]+", path.read_text())}
    assert {"OUTRIDER_PORTAL_ADDRESS", "OUTRIDER_SINKS_HTTP_URL"} <= found
    assert found - OTHERS - {field.variable for field in settings.fields()} == set()


def test_an_agent_of_another_user_than_the_images_has_a_home_of_its_own():
    """A volume is as the image has it, user 7433's: an agent that is root refuses it as its home, and would restart for ever."""
    agent = yaml.safe_load((FOLDER / "compose.labels.yaml").read_text())["services"]["agent"]
    assert agent["user"] == "0:7433"
    assert agent["environment"]["OUTRIDER_HOME"].startswith("/var/lib/outrider/")
