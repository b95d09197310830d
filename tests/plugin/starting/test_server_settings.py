"""Settings reach child processes unchanged."""

from __future__ import annotations

from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.plugin.starting.server_settings import remember_settings, remembered_settings


def test_settings_survive_the_environment() -> None:
    """A child process reads exactly the settings that were validated before the start."""
    environ: dict[str, str] = {}
    settings = Settings(gpu_hourly_usd=0.55, electricity_tariff=(0.1,) * 24, price_source="flag")
    remember_settings(settings, environ)
    assert remembered_settings(environ) == settings


def test_no_settings_are_remembered_outside_a_checked_start() -> None:
    """A process that did not pass our hook is told so, and not given defaults."""
    assert remembered_settings({}) is None
