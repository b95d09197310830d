"""Settings about requests."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import BY_KEY, convert


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("tenant_from", "off", ()),
        ("tenant_from", False, ()),
        ("tenant_from", "Header, user", ("header", "user")),
        ("tenant_from", ["key"], ("key",)),
        ("tenant_header", "X-Team", "X-Team"),
        ("tenant_trusted", "10.0.0.1/8, ::1", ("10.0.0.0/8", "::1/128")),
        ("tenant_trusted", "ANY", ("any",)),
        ("tenant_names", "Plain", "plain"),
        ("tenant_limit", "250", 250),
        ("request_price", " Both ", "both"),
        ("request_price", False, "off"),
    ],
)
def test_what_is_allowed(key: str, raw: object, value: object) -> None:
    """Text from flags and variables, lists from TOML and JSON."""
    assert convert(BY_KEY[key], raw, key) == value


@pytest.mark.parametrize(
    ("key", "raw", "said"),
    [
        ("tenant_from", "heder", "nearest: header"),
        ("tenant_from", "", "at most once"),
        ("tenant_from", "key,key", "at most once"),
        ("tenant_from", 7, "list of texts"),
        ("tenant_header", "X Team", "HTTP header"),
        ("tenant_header", "X-T\u00e9am", "HTTP header"),
        ("tenant_header", "x" * 101, "HTTP header"),
        ("tenant_header", "Authorization", "secret"),
        ("tenant_header", "X-Api-Key", "secret"),
        ("tenant_trusted", "10.0.0.0/40", "networks"),
        ("tenant_trusted", "localhost", "networks"),
        ("tenant_trusted", "", "networks"),
        ("tenant_names", "open", "hashed or plain"),
        ("tenant_limit", 0, "at least 1"),
        ("tenant_limit", 2.5, "whole number"),
        ("tenant_limit", 1_001, "at most 1000"),
        ("request_price", "heder", "nearest: header"),
        ("request_price", "", "one of off, record, header, usage, both, number"),
        ("request_price", True, "one of"),
    ],
)
def test_what_is_not_is_one_line(key: str, raw: object, said: str) -> None:
    """What was given and what is allowed."""
    with pytest.raises(BadInputError, match=said) as refused:
        convert(BY_KEY[key], raw, BY_KEY[key].flag)
    assert str(refused.value).startswith(BY_KEY[key].flag)
    assert "\n" not in str(refused.value)
