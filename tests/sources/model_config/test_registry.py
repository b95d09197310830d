"""What a check imports of the families, and what it says of those that have none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.sources.model_config.families.registry import ARCHITECTURES, served_by
from vllm_costmeter.sources.model_config.families.unmodelled import UNMODELLED

_SCRIPT = """
import sys
from vllm_costmeter.sources.model_config import model_from_config
model_from_config({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "config.json")
print(*sorted(name for name in sys.modules if ".families." in name or ".towers." in name or ".quantization." in name))
"""


def test_a_check_of_llama_imports_no_other_family_tower_or_quantization_reader() -> None:
    """The registry imports the family that is asked for, and nothing of the others."""
    run = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    room = "vllm_costmeter.sources.model_config"
    ours = {name.removeprefix(f"{room}.") for name in run.stdout.split() if name.startswith(room)}
    rooms = {name for name in ours if name.count(".") > 1 or name.startswith("towers.")}
    assert rooms == {"families.dense.llama", "families.dense.style"}
    assert not {"quantization.modelopt", "quantization.torchao", "quantization.methods"} & ours


def test_an_unmodelled_architecture_says_why_and_names_no_other() -> None:
    """Similar names would mislead: the reason stands in their place."""
    for name, reason in UNMODELLED.items():
        with pytest.raises(NotUnderstoodError) as raised:
            served_by(name)
        assert str(raised.value) == f"architecture {name!r}: its memory is not known: {reason}"


def test_no_architecture_is_both_modelled_and_not() -> None:
    """A rule that comes later takes its sentence away; a sentence fits into a line."""
    assert not UNMODELLED.keys() & ARCHITECTURES.keys()
    assert all(not reason.endswith(".") and "\n" not in reason for reason in UNMODELLED.values())
