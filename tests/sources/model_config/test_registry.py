"""What a check imports of the families."""

from __future__ import annotations

import subprocess
import sys

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
