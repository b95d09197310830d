"""Names in the settings that only the catalogue can judge."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.plugin.starting.preflight import check_names

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"


def test_known_names_pass() -> None:
    """A GPU and a provider of the catalogue stop nothing."""
    check_names(Settings(gpu="RTX 4090", api_provider="deepinfra"), MODEL)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(gpu="RTX 4900"), "RTX 4090"),
        (Settings(api_provider="deepinfro"), "deepinfra"),
        (Settings(api_provider="deepinfra", api_model="no such model at all"), "no such model at all"),
    ],
)
def test_an_unknown_name_stops_the_start_with_the_nearest(settings: Settings, named: str) -> None:
    """A misspelt GPU, provider or model is one line before anything loads, not a missing metric later."""
    with pytest.raises(BadInputError, match=named) as caught:
        check_names(settings, MODEL)
    assert "\n" not in str(caught.value)
