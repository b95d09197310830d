"""The engines whose metrics are known."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.llama_cpp import LLAMA_CPP
from vllm_costmeter.core.engines.sglang import SGLANG
from vllm_costmeter.core.engines.tgi import TGI
from vllm_costmeter.core.engines.trtllm import TRTLLM
from vllm_costmeter.core.engines.vllm import VLLM, VLLM_RAY

ENGINES: tuple[Engine, ...] = (VLLM, VLLM_RAY, SGLANG, LLAMA_CPP, TRTLLM, TGI)
BY_KEY: Mapping[str, Engine] = {engine.key: engine for engine in ENGINES}
