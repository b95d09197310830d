"""A starting server as far as its check: EngineArgs of vLLM, and what `costmeter check` says of the same flags."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from server_config import configured

import vllm_costmeter
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.sources.catalogue.load import find_gpu

MODELS = Path(__file__).resolve().parents[1] / "data" / "models"
CONFIGURATIONS = sorted(folder for folder in MODELS.iterdir() if folder.is_dir())
H100 = find_gpu("H100 SXM").as_gpu(1)


class ResolvedArgs:
    """EngineArgs of vLLM with its own defaults, of the types they have there (cpu_offload_gb is the int 0)."""

    def __init__(self, model: Path, gpu: str | None, **flags: Any) -> None:
        named = {} if gpu is None else {"gpu": gpu}
        self.additional_config = {"costmeter": {"preflight": "warn", **named}}
        self.model = str(model)
        self.cpu_offload_gb = 0
        self.limit_mm_per_prompt: dict[str, Any] = {}
        self.disable_hybrid_kv_cache_manager = None
        self.eplb_config: Any = SimpleNamespace(num_redundant_experts=0)
        self.found_drafter: Any = None
        self.resolved_hybrid: bool | None = None
        self.tensor_parallel_size = self.pipeline_parallel_size = self.data_parallel_size = 1
        vars(self).update(flags)

    def create_engine_config(self) -> Any:
        """What the check reads of a VllmConfig; vLLM adds objects of its own to --speculative-config meanwhile."""
        if getattr(self, "speculative_config", None) is not None:
            self.speculative_config.update(target_model_config=object(), target_parallel_config=object())
        hf_config = SimpleNamespace(
            to_dict=lambda: json.loads((Path(self.model) / "config.json").read_text())
        )
        return configured(
            model_config={"model": self.model, "hf_config": hf_config},
            scheduler_config={
                "max_num_seqs": 1024,
                "max_num_batched_tokens": 8192,
                "disable_hybrid_kv_cache_manager": self.resolved_hybrid,
            },
            parallel_config={"data_parallel_size": 1, "data_parallel_size_local": 1},
            device_config={"device_type": "cuda"},
            speculative_config=self.found_drafter,
        )


def as_checked(release: str, model: Path, **flags: Any) -> Fit | None:
    """What `costmeter check MODEL --gpu "H100 SXM" --vllm-version RELEASE` says; None where it knows no answer."""
    try:
        found = vllm_costmeter.check(model, H100, vllm_version=release, **flags)
    except (BadInputError, NotUnderstoodError):
        return None
    return None if found.verdict == "unknown" else found
