"""The settings table and how layers resolve."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.layers import SettingsLayer, resolve
from vllm_costmeter.core.settings.table import BY_KEY, SETTINGS, LayerKind, Settings


def layer(kind: LayerKind = "flag", **values: object) -> SettingsLayer:
    return SettingsLayer(kind, lambda key: f"{kind}:{key}", values)


def test_every_setting_has_one_row_and_one_field() -> None:
    """The table and the settings value name the same settings, so no flag is without effect."""
    derived = {"price_source"}
    assert set(BY_KEY) == {field.name for field in fields(Settings)} - derived


def test_flags_and_variables_are_unique() -> None:
    """No two settings share a flag or an environment variable."""
    assert len({setting.flag for setting in SETTINGS}) == len(SETTINGS)
    assert len({setting.environment_variable for setting in SETTINGS}) == len(SETTINGS)


def test_a_stronger_layer_wins_key_by_key() -> None:
    """A flag overrides the file for its own key and leaves the file's other keys in force."""
    settings = resolve([layer(pue=1.2), layer("file", pue=1.5, carbon_gco2e_per_kwh=300)])
    assert (settings.pue, settings.carbon_gco2e_per_kwh) == (1.2, 300.0)


def test_the_strongest_layer_that_names_a_price_decides_its_basis() -> None:
    """An owned GPU in the file does not mix with a rental flag, and the source says who priced."""
    settings = resolve([layer(gpu_hourly_usd="0.55"), layer("file", purchase_usd=2000, pue=1.3)])
    assert settings.gpu_hourly_usd == 0.55
    assert settings.purchase_usd is None
    assert settings.pue == 1.3
    assert settings.price_source == "flag"


@pytest.mark.parametrize("path", ["/tmp/a\0b", "/tmp/a\ud800b", " "])
def test_a_path_that_no_system_takes_is_refused(path: str) -> None:
    """JSON may hold a null character or half a character, of which no file's name is made."""
    with pytest.raises(BadInputError, match="ledger must be non-empty text in valid Unicode"):
        resolve([layer(ledger=path)])


def test_a_path_of_other_bytes_is_taken() -> None:
    """A command line may hold bytes that are not UTF-8; Python keeps them as such characters."""
    assert resolve([layer(ledger="/tmp/a\udce9b")]).ledger == "/tmp/a\udce9b"


def test_two_prices_in_one_layer_are_refused() -> None:
    """A server has one price: naming two in the same place is an error that names both."""
    with pytest.raises(BadInputError, match="flag:gpu_hourly_usd and flag:node_hourly_usd"):
        resolve([layer(gpu_hourly_usd=1, node_hourly_usd=2)])


def test_an_unknown_key_names_the_nearest() -> None:
    """A misspelt key is an error that offers the valid name."""
    with pytest.raises(BadInputError, match=r"file:gpu_hourly is not a setting; nearest: gpu_hourly_usd"):
        resolve([layer("file", gpu_hourly=1)])


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("gpu_hourly_usd", "-1"),
        ("gpu_hourly_usd", "0"),
        ("gpu_hourly_usd", "nan"),
        ("gpu_hourly_usd", "inf"),
        ("gpu_hourly_usd", "cheap"),
        ("gpu_hourly_usd", ""),
        ("gpu_hourly_usd", True),
        ("gpu_hourly_usd", None),
        ("gpu_hourly_usd", [1]),
        ("gpu_share", 1.5),
        ("gpu_share", 0),
        ("pue", 0.5),
        ("preflight", "maybe"),
        ("gpu", "  "),
        ("electricity_tariff", [0.1] * 23),
        ("electricity_tariff", "a,b"),
        ("gpu_source", "nvlm"),
        ("gpu_source", False),
        ("gpu_metrics_url", "localhost:9400/metrics"),
        ("gpu_metrics_url", "http://"),
        ("gpu_metrics_url", "file:///etc/passwd"),
        ("otlp", "collector:4317"),
        ("otlp", True),
        ("otlp", "http://user:password@collector:4318"),
        ("gpu_metrics_url", "https://user@dcgm/metrics"),
    ],
)
def test_a_value_out_of_range_is_one_line_that_says_what_is_allowed(key: str, raw: object) -> None:
    """Every bad value names the setting, the range and what was given, on one line."""
    with pytest.raises(BadInputError) as caught:
        resolve([layer(**{key: raw})])
    message = str(caught.value)
    assert message.startswith(f"flag:{key} must be")
    assert "\n" not in message


@pytest.mark.parametrize("key", ["otlp", "gpu_metrics_url", "budget_prometheus"])
def test_a_password_in_an_address_is_refused_and_not_repeated(key: str) -> None:
    """Settings show in process lists and logs, and so does what is said about them."""
    with pytest.raises(BadInputError, match="without a user") as caught:
        resolve([layer(**{key: "http://me:s3cret@collector:4318/v1/metrics"})])
    assert "s3cret" not in str(caught.value)
    assert "http://***@collector:4318" in str(caught.value)


def test_a_residual_above_the_purchase_is_refused() -> None:
    """A GPU that is worth more at its end than at its purchase is a typing error, not depreciation."""
    with pytest.raises(BadInputError, match="residual_usd"):
        resolve([layer(purchase_usd=100, residual_usd=200)])


def test_yaml_off_reads_as_off() -> None:
    """A bare `off`, which TOML and YAML writers turn into false, means off."""
    assert resolve([layer(preflight=False)]).preflight == "off"


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_any_raw_price_is_a_finite_price_or_a_clear_error(raw: object) -> None:
    """No input of any type leaves a price that is not a finite number above zero."""
    try:
        settings = resolve([layer(gpu_hourly_usd=raw)])
    except BadInputError:
        return
    assert settings.gpu_hourly_usd is not None
    assert math.isfinite(settings.gpu_hourly_usd)
    assert settings.gpu_hourly_usd > 0
