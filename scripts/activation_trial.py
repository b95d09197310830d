"""The activation peak from vLLM's own profile run on tensors without memory, against what 36 servers logged.

python scripts/activation_trial.py             ask the installed vLLM (10 to 20 minutes), write both files
python scripts/activation_trial.py --missing   ask only what docs/activation_trial.json lacks
python scripts/activation_trial.py --page      write docs/activation_trial.md from docs/activation_trial.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from activation_page import PAGE, Trial, page
from logged_boots import MODELS, boots, card_of, plan_of
from logged_start import GIB, ROOT

from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.engine.release_rules import choose_rules
from vllm_costmeter.core.memory.activations import activation_peak
from vllm_costmeter.plugin.exact.counting import request_for
from vllm_costmeter.sources.model_config import config_files, read_model

LAYERS = 6
"""Models are cut to so many per pipeline rank: every kind of layer of these models is among them, and none leaves
anything behind. Four whole ones gave the same bytes (DeepSeek-V2-Lite, gemma-2-27b, granite-3.1-8b, Llama-3.1-8B)."""
ANSWERS = ROOT / "docs" / "activation_trial.json"
WORKER = (sys.executable, str(ROOT / "scripts" / "profile_run"))
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_PLUGINS": "",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
}


def deployments() -> dict[str, list[Mapping[str, str]]]:
    """The boots that served, those together that differ in nothing that activations depend on."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for boot in boots():
        if boot["failed"] == "False":
            dtype = "bfloat16" if boot["dtype"] == "auto" else boot["dtype"]
            key = (boot["config"], f"TP {boot['tp']} PP {boot['pp']}", dtype, boot["quant"])
            found.setdefault(", ".join(filter(None, key)), []).append(boot)
    return found


def trials(answers: Mapping[str, Any]) -> Iterator[Trial]:
    """Every deployment with what was logged, what the rule says and what vLLM answered."""
    for name, same in deployments().items():
        boot, plan = same[0], plan_of(same[0])
        model, chosen = read_model(MODELS / boot["config"]), choose_rules(boot["vllm"])
        engine = resolve_engine(model, card_of(plan), plan, chosen)
        is_last = plan.layout.pipeline_parallel_size == 1  # the log is of the first pipeline rank
        rule = activation_peak(model, engine, plan, chosen.rules, is_last_rank=is_last)
        logged = tuple(float(each["activation_peak_gib"]) for each in same)
        reply = answers.get(name, {})
        yield Trial(name, logged, rule.bytes / GIB, reply.get("held"), reply.get("unavailable", ""))


def ask(requests: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Each request, by its name, asked of one worker process."""
    with subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | QUIET
    ) as worker:
        assert worker.stdin is not None  # both pipes were asked for
        assert worker.stdout is not None
        for name, request in requests.items():
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            yield name, json.loads(worker.stdout.readline())
        worker.stdin.close()


def _asked(boot: Mapping[str, str]) -> dict[str, Any]:
    plan, model = plan_of(boot), read_model(MODELS / boot["config"])
    engine = resolve_engine(model, card_of(plan), plan, choose_rules(boot["vllm"]))
    config = json.loads((MODELS / boot["config"] / "config.json").read_text())
    sizes = {
        "max_num_batched_tokens": engine.max_num_batched_tokens,
        "max_num_seqs": engine.max_num_seqs,
        "max_model_len": plan.max_model_len,
    }
    arguments = request_for(config, card_of(plan), plan).engine_arguments
    layers = LAYERS * plan.layout.pipeline_parallel_size
    return {"config": _cut(config, layers), "engine_arguments": {**arguments, **sizes}, "compile": True}


def others() -> dict[str, dict[str, Any]]:
    """A request for each configuration that no boot is of, on one card."""
    sizes = {"max_num_batched_tokens": 8192, "max_num_seqs": 1024}
    known, found = {boot["config"] for boot in boots()}, {}
    for path in sorted(MODELS.glob("*/config.json")):
        if path.parent.name not in known:
            config, beside = config_files(path.parent) or ({}, None)
            found[path.parent.name] = {
                "config": _cut(config, LAYERS),
                "hf_quant_config": beside,
                "engine_arguments": sizes,
                "compile": False,
            }
    return found


def _cut(config: Any, layers: int) -> Any:
    """The configuration of the model's first layers; lists with an entry per layer are cut with it."""
    if "text_config" in config:
        return {**config, "text_config": _cut(config["text_config"], layers)}
    whole = config.get("num_hidden_layers")
    if whole is None:
        return config
    cut = {
        name: value[:layers] if isinstance(value, list) and len(value) == whole else value
        for name, value in config.items()
    }
    return {**cut, "num_hidden_layers": layers}


def main(words: Sequence[str]) -> None:
    """Ask, unless --page, and write both files."""
    kept: dict[str, Any] = {"vllm": version("vllm").partition("+")[0], "answers": {}, "others": {}}
    if words:
        kept |= json.loads(ANSWERS.read_text())
    requests = {
        "answers": {name: _asked(same[0]) for name, same in deployments().items()},
        "others": others(),
    }
    for part, wanted in () if "--page" in words else requests.items():
        for name, reply in ask({name: each for name, each in wanted.items() if name not in kept[part]}):
            print(name, reply, flush=True)
            kept[part][name] = reply
            ANSWERS.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(page(kept["vllm"], list(trials(kept["answers"])), kept["others"]))


if __name__ == "__main__":
    main(sys.argv[1:])
