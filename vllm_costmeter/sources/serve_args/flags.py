"""Flags of `vllm serve` -> EngineArgs. Same names, short forms and meanings, underscores and dotted JSON included."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.args_check import reject_wrong_values
from vllm_costmeter.core.settings.table import SETTINGS
from vllm_costmeter.sources.serve_args.flag_names import (
    BACKEND_FLAGS,
    ONE_VALUE,
    SEVERAL_VALUES,
    SPREAD_FLAGS,
    SWITCHES,
    UNMODELLED_ONE_VALUE,
    UNMODELLED_SEVERAL_VALUES,
    UNMODELLED_SWITCHES,
)
from vllm_costmeter.sources.serve_args.flag_values import gibibytes, json_object, length, share, whole


@dataclass(frozen=True, slots=True)
class ServeFlag:
    """One flag that affects GPU memory."""

    name: str
    read: Callable[[str], Any] | None
    """None: a switch."""
    help: str
    short: str | None = None
    several: bool = False

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")


MEMORY_FLAGS: tuple[ServeFlag, ...] = (
    ServeFlag("max-model-len", length, "longest context; 32k, 32K or auto as in vLLM"),
    ServeFlag("gpu-memory-utilization", share, "fraction of GPU memory that vLLM may use"),
    ServeFlag("tensor-parallel-size", whole, "GPUs that split every layer", "-tp"),
    ServeFlag("pipeline-parallel-size", whole, "pipeline stages that split the layers", "-pp"),
    ServeFlag("data-parallel-size", whole, "replicas of the engine", "-dp"),
    ServeFlag("decode-context-parallel-size", whole, "GPUs that split each sequence's KV cache", "-dcp"),
    ServeFlag("enable-expert-parallel", None, "place whole experts on GPUs instead of splitting each", "-ep"),
    ServeFlag("max-num-seqs", whole, "maximum number of concurrent sequences"),
    ServeFlag("max-num-batched-tokens", whole, "maximum number of tokens per step"),
    ServeFlag("dtype", str, "auto, bfloat16, float16 or float32"),
    ServeFlag("quantization", str, "quantization method, as in vLLM", "-q"),
    ServeFlag("kv-cache-dtype", str, "auto, fp8, fp8_e4m3, ..."),
    ServeFlag("kv-cache-memory-bytes", whole, "KV cache size in bytes; overrides --gpu-memory-utilization"),
    ServeFlag("block-size", whole, "tokens per KV cache block"),
    ServeFlag("enforce-eager", None, "no CUDA graphs"),
    ServeFlag("cudagraph-capture-sizes", whole, "batch sizes to capture", several=True),
    ServeFlag("max-cudagraph-capture-size", whole, "largest batch size to capture"),
    ServeFlag("cpu-offload-gb", gibibytes, "GiB of weights kept in host memory"),
    ServeFlag("enable-lora", None, "reserve memory for LoRA adapters"),
    ServeFlag("max-loras", whole, "maximum number of adapters in one batch"),
    ServeFlag("max-lora-rank", whole, "maximum adapter rank"),
    ServeFlag("enable-prefix-caching", None, "share KV cache blocks between requests"),
    ServeFlag("disable-hybrid-kv-cache-manager", None, "size sliding-window layers as full attention"),
    ServeFlag("limit-mm-per-prompt", json_object, "JSON: images, videos and audio clips per prompt"),
    ServeFlag("language-model-only", None, "omit vision and audio encoders"),
    ServeFlag("mamba-cache-dtype", str, "dtype of convolution states"),
    ServeFlag("mamba-ssm-cache-dtype", str, "dtype of recurrent states"),
    ServeFlag("speculative-config", json_object, "JSON: draft model and number of tokens", "-sc"),
)

KEPT_FLAGS = frozenset({"revision", "hf-token", "device-ids"})
"""Flags that do not affect memory but are read: the checkpoint's revision, the Hub token, this machine's GPUs."""

_LAYOUT = frozenset(ParallelConfig.__dataclass_fields__)


def add_serve_flags(parser: argparse.ArgumentParser) -> None:
    """Declare every flag of `vllm serve`: those that affect memory with help, the others hidden."""
    group = parser.add_argument_group("vllm serve flags that affect memory (same names and meaning)")
    for flag in MEMORY_FLAGS:
        names = [f"--{flag.name}", *([flag.short] if flag.short else [])]
        if flag.name == "gpu-memory-utilization":
            names.append("--device-memory-utilization")
        if flag.read is None:
            group.add_argument(*names, action=argparse.BooleanOptionalAction, help=flag.help, dest=flag.field)
        else:
            group.add_argument(
                *names,
                type=flag.read,
                nargs="+" if flag.several else None,
                help=flag.help,
                dest=flag.field,
                metavar="N" if flag.read in (whole, length) else "VALUE",
            )
    for name in (
        "plugin",
        "costmeter-config",
        *(setting.flag[2:] for setting in SETTINGS if setting.key != "gpu"),
    ):
        _add_silently(parser, _dashed(name), "ignored", None)
    for name in UNMODELLED_ONE_VALUE:
        _add_silently(parser, f"--{name}", f"unmodelled_{name}", None)
    for name in UNMODELLED_SEVERAL_VALUES:
        _add_silently(parser, f"--{name}", f"unmodelled_{name}", "+")
    for name in UNMODELLED_SWITCHES:
        _add_silently(parser, f"--{name}", f"unmodelled_{name}", 0)
    for name in ONE_VALUE:
        kept = name in KEPT_FLAGS
        _add_silently(parser, _dashed(name), name.replace("-", "_") if kept else "ignored", None)
    parser.add_argument("--nnodes", "-n", type=whole, default=1, help=argparse.SUPPRESS)
    for name in SPREAD_FLAGS | BACKEND_FLAGS:
        dest = "spread" if name in SPREAD_FLAGS else "backends"
        parser.add_argument(_dashed(name), action="append", dest=dest, help=argparse.SUPPRESS)
    for name in SEVERAL_VALUES:
        _add_silently(parser, _dashed(name), "ignored", "+")
    for name in SWITCHES:
        _add_silently(parser, _dashed(name), "ignored", 0)


def _dashed(name: str) -> str:
    return name if name.startswith("-") else f"--{name}"


def _add_silently(parser: argparse.ArgumentParser, name: str, dest: str, nargs: str | int | None) -> None:
    if nargs == 0:
        names = [name, f"--no-{name[2:]}"] if name.startswith("--") else [name]
        parser.add_argument(*names, action="store_true", dest=dest, help=argparse.SUPPRESS)
    else:
        parser.add_argument(name, nargs=nargs, dest=dest, help=argparse.SUPPRESS)


def plan_from(values: argparse.Namespace, vllm_version: str | None) -> EngineArgs:
    """The plan that parsed flags ask for; a flag that was not given keeps the plan's own default."""
    given = {
        flag.field: value for flag in MEMORY_FLAGS if (value := getattr(values, flag.field, None)) is not None
    }
    if "cudagraph_capture_sizes" in given:
        given["cudagraph_capture_sizes"] = tuple(given["cudagraph_capture_sizes"])
    layout = ParallelConfig(**{name: given.pop(name) for name in list(given) if name in _LAYOUT})
    engine_args = EngineArgs(layout=layout, vllm_version=vllm_version, **given)
    reject_wrong_values(engine_args)
    return engine_args


def device_ids(values: argparse.Namespace) -> tuple[int | str, ...] | None:
    """`--device-ids` as vLLM reads it (0.24 to 0.33); None without it, and where Ray ignores it."""
    text = getattr(values, "device_ids", None)
    if text is None or "ray" in (values.backends or ()):
        return None
    parts = [part.strip() for part in text.split(",")]
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def is_spread(values: argparse.Namespace) -> bool:
    """Whether some ranks of the engine run elsewhere than this command: on other nodes, or wherever Ray puts them."""
    return values.nnodes > 1 or bool(values.spread) or "ray" in (values.backends or ())


def unmodelled_flags(values: argparse.Namespace) -> list[str]:
    """Given flags whose effect on memory the answer does not contain."""
    names = sorted(UNMODELLED_ONE_VALUE | UNMODELLED_SEVERAL_VALUES | UNMODELLED_SWITCHES)
    return [f"--{name}" for name in names if getattr(values, f"unmodelled_{name}", None)]
