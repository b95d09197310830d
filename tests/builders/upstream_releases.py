"""Two small releases of vLLM as unpacked sources: what a reader of a new release meets in each."""

from __future__ import annotations

from pathlib import Path

REGISTRY = """
_TEXT_GENERATION_MODELS = {
    "OldForCausalLM": ("old", "OldForCausalLM"),
    "NewForCausalLM": ("new", "NewForCausalLM"),
    "AliasForCausalLM": ("new", "Alias"),
    "LazyForCausalLM": ("vllm.models.lazy", "LazyForCausalLM"),
    "WrappedModel": ("new", "WrappedModel"),
    {more}
}
_SPECULATIVE_DECODING_MODELS = {"Draft": ("old", "Draft")}
_PREVIOUSLY_SUPPORTED_MODELS = {{given_up}}
"""
NEW = """
from .old import OldForCausalLM
from .wrapping import _Base
class NewForCausalLM(OldForCausalLM): pass
class WrappedModel(_Base): pass
Alias = NewForCausalLM
"""
PLATFORM = '''
class Platform:
    def _align_hybrid_block_size(self):
        """{text}."""
        return {value}
    def name_of_nobody(self):
        return {value}
'''
STATS = "class IterationStats:\n    def __init__(self):\n        self.{field} = []\n"
FIRST = {
    "model_executor/models/registry.py": REGISTRY.replace(
        "{more}", '"GoneForCausalLM": ("old", "OldForCausalLM"),'
    ).replace("{given_up}", ""),
    "model_executor/models/old.py": "class OldForCausalLM(nn.Module): pass\n",
    "engine/arg_utils.py": "class EngineArgs:\n    def create_engine_config(self): pass\n",
    "plugins/__init__.py": "def load_plugins_by_group(group): pass\n",
    "platforms/interface.py": PLATFORM.format(text="Before", value=1),
    "v1/metrics/stats.py": STATS.format(field="finished_requests"),
    "v1/core/planning.py": "def max_memory_usage_bytes(): return 1\n",
}
SECOND = {
    "model_executor/models/registry.py": REGISTRY.replace(
        "{more}", '"FreshForCausalLM": ("old", "OldForCausalLM"),'
    ).replace("{given_up}", '"GoneForCausalLM": "0.17.0"'),
    "model_executor/models/old.py": "class OldForCausalLM(nn.Module, SupportsLoRA): pass\n",
    "engine/arg_utils.py": "class EngineArgs:\n    def create_engine_config(self, headless=False): pass\n",
    "plugins/__init__.py": "from vllm.plugins.loading import load_plugins_by_group\n",
    "plugins/loading.py": "def load_plugins_by_group(group): pass\n",
    "platforms/interface.py": PLATFORM.format(text="After", value=2),
    "v1/metrics/stats.py": STATS.format(field="ended_requests"),
    "v1/core/other_planning.py": "def max_memory_usage_bytes(): return 1\n",
    "v1/attention/backends/new.py": "class NewBackend:\n    def get_kv_cache_shape(self): return ()\n",
    "platforms/rocm.py": "def get_kv_cache_shape(): return 2\n",
}
BOTH = {
    "config/__init__.py": "",
    "model_executor/models/new.py": NEW,
    "models/lazy/__init__.py": "",
    "models/lazy/nvidia/model.py": "class LazyForCausalLM(nn.Module, SupportsEagle3): pass\n",
    "models/lazy/amd/model.py": "class LazyForCausalLM(nn.Module): pass\n",
    "distributed/parallel_state.py": "",
    "v1/core/kv_cache_utils.py": "",
}


def two_releases(folder: Path) -> Path:
    """`folder` with 0.17.0/vllm and 0.18.0/vllm: a base gains LoRA in the second, an architecture is given up, a hook
    gains a parameter."""
    for release, own in (("0.17.0", FIRST), ("0.18.0", SECOND)):
        for name, text in (BOTH | own).items():
            file = folder / release / "vllm" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return folder
