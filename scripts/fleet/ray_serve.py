"""Two replicas of a tiny vLLM in a real Ray Serve, each with its own meter: `python -m scripts.fleet.ray_serve MODEL`.

Needs `ray[serve]` beside vLLM (run with 2.60.0 and vLLM 0.32.0's CPU build). Prints JSON: what each replica's meter
says, what Ray's own metrics page says, and what was asked for. vLLM's CPU platform refuses Ray's executor ("current
platform cpu does not support ray"), so each engine runs inside its replica; an engine over several nodes needs GPUs.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import urllib.request
from collections import defaultdict
from typing import Any

import ray  # type: ignore[import-not-found, unused-ignore] # not a dependency: see above
from ray import serve  # type: ignore[import-not-found, unused-ignore]

from scripts.servers.vllm_server import environment, free_port

USD_PER_GPU_HOUR = 36.0
REQUESTS, PROMPT_TOKENS, TOKENS = 12, 40, 20
COUNTED = re.compile(r"ray_vllm_(prompt|generation)_tokens_total\{[^}]*\} (\S+)")


class Engine:
    """One replica: an engine, and the page of its meter."""

    def __init__(self, model: str, tensor_parallel_size: int) -> None:
        from vllm import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM
        from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger

        arguments = AsyncEngineArgs(
            model=model,
            max_model_len=256,
            max_num_seqs=8,
            enforce_eager=True,
            tensor_parallel_size=tensor_parallel_size,
            additional_config={"costmeter": {"gpu_hourly_usd": USD_PER_GPU_HOUR, "ledger": "off"}},
        )
        self.engine = AsyncLLM.from_engine_args(arguments, stat_loggers=[RayPrometheusStatLogger])
        self.requests = 0

    async def __call__(self, number: int) -> int:
        """Generates; the number of tokens that came back."""
        from vllm import SamplingParams

        self.requests += 1
        prompt = {"prompt_token_ids": [10 + (number * 7 + place) % 200 for place in range(PROMPT_TOKENS)]}
        sampling = SamplingParams(max_tokens=TOKENS, ignore_eos=True, temperature=0)
        answers = [a async for a in self.engine.generate(prompt, sampling, request_id=f"r{number}")]
        return len(answers[-1].outputs[0].token_ids)

    async def page(self, _: int = 0) -> dict[str, Any]:
        """The meter's samples in this process, by name and labels; Serve picks the replica."""
        import os

        import prometheus_client

        names = ("costmeter_tokens_total", "costmeter_cost_usd_total", "costmeter_gpu_seconds_total")
        names += ("costmeter_source_up", "costmeter_errors_total", "costmeter_price_usd_per_hour")
        found = {
            sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
            for family in prometheus_client.REGISTRY.collect()
            for sample in family.samples
            if sample.name in names
        }
        return {"process": os.getpid(), "requests": self.requests, "samples": found}


def rays_tokens(port: int) -> dict[str, float]:
    """Tokens that Ray's own page counts, over replicas."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    totals: dict[str, float] = defaultdict(float)
    for kind, value in COUNTED.findall(page):
        totals[kind] += float(value)
    return dict(totals)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--tensor-parallel-size", type=int, default=1)
    given = parser.parse_args()
    port = free_port()
    variables = {
        name: value for name, value in environment().items() if name.startswith(("VLLM_", "HF_", "TORCH"))
    }
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        _metrics_export_port=port,
        runtime_env={"env_vars": variables},
        log_to_driver=False,
    )
    deployment = serve.deployment(num_replicas=given.replicas, ray_actor_options={"num_cpus": 1})(Engine)
    handle = serve.run(deployment.bind(given.model, given.tensor_parallel_size))
    generated = [answer.result() for answer in [handle.remote(number) for number in range(REQUESTS)]]
    time.sleep(15)  # Ray's page follows every ten seconds
    replicas: dict[int, dict[str, Any]] = {}
    for _ in range(50):
        said = handle.page.remote(0).result()
        replicas[said["process"]] = said
        if len(replicas) == given.replicas:
            break
    print(
        json.dumps(
            {
                "asked": {"prompt": REQUESTS * PROMPT_TOKENS, "generated": sum(generated)},
                "ray": rays_tokens(port),
                "replicas": list(replicas.values()),
            },
            indent=1,
        )
    )
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
