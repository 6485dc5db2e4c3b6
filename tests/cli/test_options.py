"""The options of ``annotate`` follow from the fields of ``Settings``."""

from __future__ import annotations

from dataclasses import fields

import pytest
import typer
from typer.testing import CliRunner

from chatdesc import api
from chatdesc.cli.main import COMMANDS, app
from chatdesc.cli.options import RENAMED
from chatdesc.config import Settings

ANNOTATE = {p.name: p for p in typer.main.get_command(app).commands["annotate"].params}


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_an_option_with_its_help(setting):
    option = ANNOTATE[setting.name]
    assert RENAMED.get(setting.name, f"--{setting.name.replace('_', '-')}") in option.opts
    assert option.help.startswith(setting.metadata["help"])
    assert option.default is None  # so that the preset's value holds
    if setting.default and not isinstance(setting.default, bool | tuple):
        assert f"(default: {setting.default})" in option.help


@pytest.fixture
def called(monkeypatch):
    """The keyword arguments that the command gives to the function."""
    calls = []

    def annotate(*places, **options):
        calls.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "annotate", annotate)
    return calls


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--theta", "0.4", "--rounds", "2"], {"theta": 0.4, "rounds": 2}),
        (["--encoder", "a", "--encoder", "b"], {"encoders": ["a", "b"]}),
        (["--keep-manual-if-better"], {"keep_manual_if_better": True}),
        (["--no-keep-manual-if-better"], {"keep_manual_if_better": False}),
        (["--include-frames", "--trust-remote-code"], {"include_frames": True, "trust_remote_code": True}),
        (["--every", "20", "--box-threshold", "0.3"], {"every": 20, "box_threshold": 0.3}),
        ([], {}),
    ],
)
def test_what_is_given_arrives_and_nothing_else(called, arguments, expected):
    result = CliRunner().invoke(app, ["annotate", "lasot", "root", "--out", "run", *arguments])
    assert result.exit_code == 130, result.output
    [options] = called
    settings = {f.name: options[f.name] for f in fields(Settings) if options[f.name] is not None}
    assert settings == expected


def test_devices_are_gpu_numbers_or_names(called):
    CliRunner().invoke(app, ["annotate", "lasot", "root", "--out", "run", "--devices", "0, 1,cpu"])
    assert called[0]["devices"] == ("cuda:0", "cuda:1", "cpu")


@pytest.mark.parametrize("arguments", [["--rounds", "-1"], ["--every", "x"], ["--max-words", "0"]])
def test_values_out_of_range_are_refused(called, arguments):
    result = CliRunner().invoke(app, ["annotate", "lasot", "root", "--out", "run", *arguments])
    assert (result.exit_code, called) == (2, [])
    assert arguments[0] in result.output


def test_help_groups_commands_in_the_order_of_use():
    text = CliRunner().invoke(app, ["--help"]).output
    places = [text.index(f" {panel} ") for panel in COMMANDS]
    assert places == sorted(places)
    names = [f"│ {command.__name__.replace('_', '-')} " for commands in COMMANDS.values() for command in commands]
    found = [text.index(name) for name in names]
    assert found == sorted(found)


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)
def test_every_command_has_help_with_an_example_and_every_option_says_something(name):
    command = typer.main.get_command(app).commands[name]
    assert f"chatdesc {name}" in command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name
