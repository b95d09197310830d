"""The flags of `vllm serve --help=CostMeter`, on a plain argparse parser."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import pytest

from vllm_costmeter.core.settings.table import SETTINGS
from vllm_costmeter.plugin import activation, flags


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> Iterator[argparse.ArgumentParser]:
    for variable in (activation.REQUESTED, activation.FLAGS):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(flags.PluginAction, "find_installed", staticmethod(lambda: ["costmeter", "other"]))
    made = argparse.ArgumentParser(prog="vllm serve")
    flags.add_flags(made)
    yield made
    for variable in (activation.REQUESTED, activation.FLAGS):
        os.environ.pop(variable, None)


def test_every_setting_has_its_flag(parser: argparse.ArgumentParser) -> None:
    """The group offers --plugin, --costmeter-config and one flag for each row of the settings table."""
    offered = {option for action in parser._actions for option in action.option_strings}
    assert {"--plugin", "--costmeter-config", "--gpu-hourly-usd", *(row.flag for row in SETTINGS)} <= offered


def test_adding_twice_is_harmless(parser: argparse.ArgumentParser) -> None:
    """vLLM may build its parser several times in one process."""
    before = len(parser._actions)
    flags.add_flags(parser)
    assert len(parser._actions) == before


def test_a_plugin_is_asked_for_by_name(parser: argparse.ArgumentParser) -> None:
    """--plugin repeats and takes commas; asking twice asks once."""
    parser.parse_args(["--plugin", "costmeter", "--plugin", "other,costmeter"])
    assert activation.requested_plugins() == ("costmeter", "other")
    assert activation.is_on()


def test_an_unknown_plugin_lists_what_is_installed(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt plugin ends the command with exit code 2, the nearest name and the installed ones."""
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["--plugin", "costmetr"])
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "nearest: costmeter" in message
    assert "installed: costmeter, other" in message


@pytest.mark.parametrize("price", ["-1", "abc", "nan", "", "0"])
def test_a_bad_price_stops_at_the_command_line(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str], price: str
) -> None:
    """A price that cannot be meant is refused while the flags are parsed, before anything loads."""
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["--gpu-hourly-usd", price])
    assert stopped.value.code == 2
    assert "--gpu-hourly-usd must be a number above 0" in capsys.readouterr().err


def test_flags_travel_to_child_processes(parser: argparse.ArgumentParser) -> None:
    """What the command line said is in the environment that vLLM's children inherit."""
    parser.parse_args(["--gpu-hourly-usd", "0.55", "--costmeter-config", "prices.toml"])
    assert activation.given_flags() == {"gpu_hourly_usd": "0.55", "config": "prices.toml"}


@pytest.mark.parametrize(
    ("environ", "additional", "on"),
    [
        ({}, None, False),
        ({"VLLM_PLUGINS": "other"}, None, False),
        ({"VLLM_PLUGINS": "other,costmeter"}, None, True),
        ({activation.REQUESTED: "costmeter"}, None, True),
        ({activation.FLAGS: '{"gpu_hourly_usd": "1"}'}, None, True),
        ({}, {"costmeter": {}}, True),
        ({}, {"other": {}}, False),
    ],
)
def test_the_meter_is_on_only_when_asked_for(
    environ: dict[str, str], additional: dict[str, object] | None, on: bool
) -> None:
    """Merely installed it does nothing; each way of asking turns it on."""
    assert activation.is_on(additional, environ) is on
