"""Settings read from the environment and a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.files.settings import read_settings


def test_flags_outrank_additional_config_environment_and_file(tmp_path: Path) -> None:
    """The four places are asked in the documented order, and the price says which one answered."""
    file = tmp_path / "costmeter.toml"
    file.write_text("gpu_hourly_usd = 4.0\npue = 1.4\n")
    environ = {"COSTMETER_GPU_HOURLY_USD": "3", "COSTMETER_CONFIG": str(file)}
    assert read_settings(environ, {"gpu_hourly_usd": "1"}, {"gpu_hourly_usd": 2}).gpu_hourly_usd == 1
    assert read_settings(environ, {}, {"gpu_hourly_usd": 2}).gpu_hourly_usd == 2
    assert read_settings(environ).gpu_hourly_usd == 3
    settings = read_settings({"COSTMETER_CONFIG": str(file)})
    assert (settings.gpu_hourly_usd, settings.pue, settings.price_source) == (4.0, 1.4, "file")


def test_a_table_named_costmeter_is_read_too(tmp_path: Path) -> None:
    """A file shared with other tools keeps ours under [costmeter]."""
    file = tmp_path / "shared.toml"
    file.write_text("[costmeter]\nnode_hourly_usd = 8\n")
    assert read_settings({}, config=str(file)).node_hourly_usd == 8


def test_a_misspelt_variable_is_an_error_and_a_strangers_is_not() -> None:
    """COSTMETER_GPU_HOURLY_US is a typing error; COSTMETER_SERVICE_HOST comes from Kubernetes."""
    with pytest.raises(BadInputError, match="nearest: COSTMETER_GPU_HOURLY_USD"):
        read_settings({"COSTMETER_GPU_HOURLY_US": "1"})
    assert read_settings({"COSTMETER_SERVICE_HOST": "10.0.0.1"}).gpu_hourly_usd is None


def test_an_empty_variable_counts_as_not_set() -> None:
    """A deployment template that renders an empty value leaves the setting at its default."""
    assert read_settings({"COSTMETER_GPU_HOURLY_USD": " "}).gpu_hourly_usd is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist"),
        ("gpu_hourly_usd = ", "not valid TOML"),
        ("gpu_hourly = 1", "nearest: gpu_hourly_usd"),
        ("gpu_hourly_usd = 'x'", "must be a number"),
        ("costmeter = 3", "must be a table"),
        (b"\xff\xfe", "not valid TOML"),
        ("gpu_hourly_usd = 1" + "0" * 400, "must be a number above 0"),
        ("gpu_hourly_usd = " + "9" * 5000, "not valid TOML"),
        ("pue = " + "[" * 5000, "not valid TOML|nested too deeply"),
        ("# " + "x" * (1 << 20), "larger than 1 MiB"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(
    tmp_path: Path, content: str | bytes | None, expected: str
) -> None:
    """Whatever is wrong with the settings file, the message is one line with its path."""
    file = tmp_path / "costmeter.toml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInputError, match=expected) as caught:
        read_settings({}, config=str(file))
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes to, an endless device, a folder."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero", str(tmp_path)):
        with pytest.raises(BadInputError, match=r"is (not a regular|a folder, not a) file"):
            read_settings({}, config=path)
