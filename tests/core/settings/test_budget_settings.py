"""Settings of budgets: what is allowed, and what they need."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.sources.files.settings import read_settings


def test_they_are_off_unless_set() -> None:
    """Nobody is refused by default."""
    assert (Settings().budget_action, Settings().budget_prometheus) == ("none", None)


def test_they_are_read_as_written() -> None:
    """From the environment, in any case, without a slash at the end."""
    environ = {
        "COSTMETER_BUDGET_ACTION": " Refuse",
        "COSTMETER_BUDGET_PROMETHEUS": "http://prometheus:9090/",
        "COSTMETER_TENANT_FROM": "user,adapter",
    }
    found = read_settings(environ)
    assert (found.budget_action, found.budget_prometheus) == ("refuse", "http://prometheus:9090")
    assert read_settings({}, {"budget_action": False}).budget_action == "none"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budget_action": "refus"}, "nearest: refuse"),
        ({"budget_action": "block"}, "none or refuse"),
        ({"budget_action": True}, "none or refuse"),
        ({"budget_action": "refuse"}, "let tenant_from begin"),
        ({"budget_action": "refuse", "tenant_from": "adapter"}, "let tenant_from begin"),
        ({"budget_action": "refuse", "tenant_from": "adapter,user"}, "let tenant_from begin"),
        ({"budget_action": "refuse", "tenant_from": "user", "ledger": "off"}, "ledger is off"),
        ({"budget_prometheus": "http://p", "ledger": "off"}, "ledger is off"),
        ({"budget_prometheus": "prometheus:9090"}, "an address such as"),
        ({"budget_prometheus": "http://user:secret@p"}, "without a user"),
        ({"budget_prometheus": "file:///etc/passwd"}, "an address such as"),
        ({"budget_prometheus": "http://p?query=1"}, "an address such as"),
        ({"budget_prometheus": 9090}, "must be"),
        ({"budget_acton": "none"}, "nearest: budget_action"),
    ],
)
def test_what_cannot_be_is_one_line_before_the_server_loads(given: dict[str, object], said: str) -> None:
    """With what is allowed."""
    with pytest.raises(BadInputError) as caught:
        read_settings({}, None, given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
