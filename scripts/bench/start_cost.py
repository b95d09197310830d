"""What the fit check adds to the start of a server: our imports, the check, its suggestions. Prints JSON.

Run in a process of its own, after vLLM has resolved its configuration, as it happens inside `vllm serve`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from scripts.bench.server_config import engine_args


def main(model: Path) -> None:
    """Time the check against a GPU from the catalogue, imports included."""
    arguments = engine_args(model)
    config = arguments.create_engine_config()
    for name in [name for name in os.environ if name.startswith("_COSTMETER")]:
        del os.environ[name]
    os.environ |= {"COSTMETER_PREFLIGHT": "warn", "COSTMETER_GPU": "RTX 4090"}
    loaded_before = {name for name in sys.modules if name.startswith("vllm_costmeter")}
    for name in loaded_before:
        del sys.modules[name]
    started = time.perf_counter()
    from vllm_costmeter.plugin.starting.preflight import Preflight

    Preflight(arguments).check(config)
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
