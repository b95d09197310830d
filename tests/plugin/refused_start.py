"""A server's start as far as the fit check, without vLLM: a 70B that an RTX 4090 cannot hold."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "builders"))
from server_config import configured

from vllm_costmeter.plugin import general

LLAMA_70B = Path(__file__).resolve().parents[2] / "examples" / "models" / "llama-3.1-70b"


class EngineArgs:
    """vLLM's flags, as they are and as it resolves them."""

    def __init__(self, mode: str = "refuse", trouble: str = "") -> None:
        self.model = str(LLAMA_70B)
        self.additional_config = {"costmeter": {"gpu": "RTX 4090", "preflight": mode}}
        self._trouble = trouble

    @staticmethod
    def add_cli_args(parser: Any) -> Any:
        return parser

    def create_engine_config(self) -> Any:
        """What the check reads of it; the trouble comes just before the check does."""
        exec(self._trouble)
        return configured(
            model_config={"model": self.model},
            parallel_config={"data_parallel_size": 1, "data_parallel_size_local": 1},
            device_config={"device_type": "cuda"},
        )


def main() -> None:
    """A start in the mode that was given, with the trouble of $TROUBLE."""
    for name in ("vllm", "vllm.plugins", "vllm.engine.arg_utils"):
        sys.modules[name] = ModuleType(name)
    sys.modules["vllm"].plugins = sys.modules["vllm.plugins"]  # type: ignore[attr-defined]
    sys.modules["vllm.engine.arg_utils"].EngineArgs = EngineArgs  # type: ignore[attr-defined]
    general.register()
    EngineArgs(sys.argv[1], os.environ["TROUBLE"]).create_engine_config()
    print("the engine starts")


if __name__ == "__main__":
    main()
