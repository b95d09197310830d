"""Which architectures lack an interface, from the bases of their classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.upstream.interfaces import table

REGISTRY = """
_TEXT_GENERATION_MODELS = {
    "OldForCausalLM": ("old", "OldForCausalLM"),
    "NewForCausalLM": ("new", "NewForCausalLM"),
    "AliasForCausalLM": ("new", "Alias"),
    "LazyForCausalLM": ("vllm.models.lazy", "LazyForCausalLM"),
    "WrappedModel": ("new", "WrappedModel"),
}
_SPECULATIVE_DECODING_MODELS = {"Draft": ("old", "Draft")}
"""
NEW = """
from .old import OldForCausalLM
from .wrapping import _Base
class NewForCausalLM(OldForCausalLM): pass
class WrappedModel(_Base): pass
Alias = NewForCausalLM
"""


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Two releases: a base gains LoRA in the second; a package is imported when asked, per kind of hardware."""
    for release, bases in (("0.17.0", "nn.Module"), ("0.18.0", "nn.Module, SupportsLoRA")):
        files = {
            "config/__init__.py": "",
            "model_executor/models/registry.py": REGISTRY,
            "model_executor/models/old.py": f"class OldForCausalLM({bases}): pass\n",
            "model_executor/models/new.py": NEW,
            "models/lazy/__init__.py": "",
            "models/lazy/nvidia/model.py": "class LazyForCausalLM(nn.Module, SupportsEagle3): pass\n",
            "models/lazy/amd/model.py": "class LazyForCausalLM(nn.Module): pass\n",
        }
        for name, text in files.items():
            file = tmp_path / release / "vllm" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return tmp_path


def test_what_a_base_gains_its_classes_gain(releases: Path) -> None:
    """Across files and aliases; one that never has it is null, one that always has it is left out."""
    found = table(releases)
    assert found["lora"] == {
        "AliasForCausalLM": "0.18.0",
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
