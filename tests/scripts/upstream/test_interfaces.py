"""Which architectures lack an interface, from the bases of their classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from upstream_releases import two_releases

from scripts.upstream.interfaces import table


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Two releases: a base gains LoRA in the second; a package is imported when asked, per kind of hardware."""
    return two_releases(tmp_path)


def test_what_a_base_gains_its_classes_gain(releases: Path) -> None:
    """Across files and aliases; one that never has it is null, one that always has it is left out."""
    found = table(releases)
    assert found["lora"] == {
        "AliasForCausalLM": "0.18.0",
        "GoneForCausalLM": None,
        "LazyForCausalLM": None,
        "NewForCausalLM": "0.18.0",
        "OldForCausalLM": "0.18.0",
    }
    eagle3 = found["eagle3"]
    assert isinstance(eagle3, dict)
    assert "LazyForCausalLM" not in eagle3
    assert "Draft" not in eagle3


def test_a_class_of_unknown_bases_lacks_nothing(releases: Path) -> None:
    """A base that a function makes may have any interface."""
    lora = table(releases)["lora"]
    assert isinstance(lora, dict)
    assert "WrappedModel" not in lora
