"""Exact mode's worker process, which also records every model that vLLM builds.

One JSON line per model in the file that COSTMETER_DRAFT names: parameters, buffers, the classes of modules
and the caches of layers, on one rank.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from vllm_costmeter.plugin.exact import kv_boot, meta_model
from vllm_costmeter.plugin.exact.__main__ import main as answer_requests

FILE = "COSTMETER_DRAFT"


def listen(file: Path) -> None:
    """Write vLLM's models and cache formats to `file` as they are built."""
    build, layer_specs, built = meta_model.build, kv_boot.layer_specs, []

    def building(*args: Any, **kwargs: Any) -> Any:
        built.append(build(*args, **kwargs))
        return built[-1]

    def specifying(config: Any) -> Any:
        specs = layer_specs(config)
        with file.open("a") as lines:
            lines.write(json.dumps(_rank(built.pop(), specs, config.parallel_config)) + "\n")
        built.clear()
        return specs

    meta_model.build, kv_boot.layer_specs = building, specifying


def _rank(model: Any, specs: Any, parallel: Any) -> dict[str, Any]:
    return {
        "tp": parallel.tensor_parallel_size,
        "pp": parallel.pipeline_parallel_size,
        "parameters": {name: _tensor(value) for name, value in model.named_parameters()},
        "buffers": {name: _tensor(value) for name, value in model.named_buffers()},
        "classes": {name: type(module).__name__ for name, module in model.named_modules()},
        "caches": {name: _cache(spec) for name, spec in specs.items()},
    }


def _tensor(value: Any) -> list[Any]:
    return [list(value.shape), str(value.dtype).removeprefix("torch.")]


def _cache(spec: Any) -> dict[str, Any]:
    """The kind and every plain field of one layer's cache."""
    fields = {name: getattr(spec, name) for name in getattr(spec, "__dataclass_fields__", ())}
    plain = {name: value for name, value in fields.items() if isinstance(value, (int, str, list, tuple))}
    return {"kind": type(spec).__name__, "page_bytes": spec.page_size_bytes} | json.loads(
        json.dumps(plain, default=str)
    )


if __name__ == "__main__":
    listen(Path(os.environ[FILE]))
    answer_requests()
