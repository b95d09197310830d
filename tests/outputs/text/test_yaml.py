"""YAML written without a library reads back as what was written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.outputs.text.yaml import as_yaml

KEYS = st.sampled_from(["expr", "a", "grafana_dashboard", "app.kubernetes.io/name"])
TEXTS = st.text(
    st.characters(codec="ascii", exclude_categories=("Cc",), include_characters="\n"), max_size=30
)
SCALARS = TEXTS | st.integers() | st.booleans() | st.none()
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, SCALARS, max_size=3),
    lambda inner: st.dictionaries(KEYS, inner | st.lists(inner | SCALARS, max_size=3), max_size=3),
    max_leaves=8,
).filter(bool)


@given(DOCUMENTS)
def test_what_is_read_is_what_was_written(document: dict[str, object]) -> None:
    """Whatever the text holds: quotes, colons, white space at either end, several lines."""
    assert yaml.safe_load(as_yaml(document)) == document


@pytest.mark.parametrize(
    "word", ["true", "Yes", "null", "on", "1", "1e3", "5m", "v1", "apps/v1", "a: b", "a:", "~"]
)
def test_text_stays_text(word: str) -> None:
    """A label "1" is not a number and a model named `null` is not missing."""
    assert yaml.safe_load(as_yaml({"a": [word], "b": word})) == {"a": [word], "b": word}
