"""`costmeter models`: the models whose configurations ship with the package; `update` reads them again from the Hub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.assembly import catalogue_offers, grounds_on
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.fit.smallest_gpu import COUNTS, smallest_gpu
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.outputs.economics import answer
from vllm_costmeter.outputs.economics.answer import Section
from vllm_costmeter.sources.models.packaged_configs import PackagedConfig, model_in, packaged_configs

SCHEMA = "costmeter.models/1"
EXAMPLES = """\
examples:
  which models are known without a network, and what does each need?
    costmeter models
    costmeter models qwen3
  read them again from the Hub, all or one: the next checks use what was read, online or not
    costmeter models update
    costmeter models update Qwen/Qwen3-32B
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "models",
        usage="costmeter models [TEXT] [--format text|json|markdown]\n       costmeter models update [NAME]",
        description="List the models whose config.json ships with costmeter, for answers without a network: "
        "parameters, context, and the smallest GPU on which each serves 8,192 tokens.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", metavar="TEXT", help="only models whose names contain it")
    add_format_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table, or update."""
    words: list[str] = args.words
    if words and words[0] == "update":
        return _updated(_matching(words[1:]))
    found = _matching(words)
    rows = [(each, model_in(each)) for each in found]
    offers = catalogue_offers()
    release = grounds_on(offers[0].gpu, calibration="none").release
    gpus = [offer.gpu for offer in offers]
    least = [None if model.only_named else smallest_gpu(model, gpus, release) for _, model in rows]
    values = {
        "as_of": found[0].as_of,
        "models": [_values(each, model, gpu) for (each, model), gpu in zip(rows, least, strict=True)],
    }
    table = [_row(each, model, gpu) for (each, model), gpu in zip(rows, least, strict=True)]
    section = Section(
        f"{len(table)} models, configurations of {found[0].as_of}",
        ("model", "architecture", "parameters", "weights GiB", "longest context", "smallest GPU"),
        table,
        (
            "smallest GPU: of those with a rental price, the one with the least memory that serves 8,192 tokens with "
            "default flags; 8x: with --tensor-parallel-size 8",
        ),
    )
    print(answer.rendered(args.format, SCHEMA, values, [section]), end="")
    return 0


def _matching(words: Sequence[str]) -> list[PackagedConfig]:
    text = " ".join(words).casefold()
    every = packaged_configs()
    found = [each for each in every if text in each.repository.casefold()]
    if not found:
        names = [each.repository for each in every]
        raise BadInputError(f"no packaged model has {' '.join(words)!r} in its name{nearest(text, names)}")
    return found


def _values(each: PackagedConfig, model: Model, gpu: GpuGroup | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": each.repository,
        "architecture": model.architecture,
        "parameters": model.parameters,
        "max_model_len": model.max_model_len,
        "weights_bytes": _weights(model),
        "smallest_gpu": gpu.name if gpu else None,
        "smallest_gpu_count": gpu.count if gpu else None,
        "not_understood": model.not_understood,
    }
    return {key: value for key, value in values.items() if value is not None}


def _row(each: PackagedConfig, model: Model, gpu: GpuGroup | None) -> tuple[str, ...]:
    weights = _weights(model)
    parameters = "" if model.parameters is None else f"{model.parameters / 1e9:,.1f} B"
    return (
        each.repository,
        model.architecture,
        parameters,
        "" if weights is None else f"{weights / GIB:,.1f}",
        f"{model.max_model_len:,}" if model.max_model_len else "",
        counted(gpu.name, gpu.count)
        if gpu
        else ("unknown" if weights is None else f"none, up to {COUNTS[-1]} GPUs"),
    )


def _weights(model: Model) -> int | None:
    """Bytes on one GPU; None if unknown."""
    if model.not_understood or model.only_named:
        return None
    try:
        return sum(model.weights_bytes(EngineArgs()))
    except (BadInputError, NotUnderstoodError):
        return None


def _updated(found: Sequence[PackagedConfig]) -> int:
    from vllm_costmeter.sources.checkpoint.hub import read_again

    failed = 0
    for number, each in enumerate(found, 1):
        try:
            read_again(each.repository)
            outcome = "read"
        except BadInputError as fault:
            outcome, failed = str(fault), failed + 1
        print(f"[{number}/{len(found)}] {each.repository}: {outcome}", file=sys.stderr, flush=True)
        if "cannot be reached" in outcome:
            raise BadInputError(f"nothing updated after {number - 1} of {len(found)} models: {outcome}")
    print(f"{len(found) - failed} of {len(found)} models read from the Hub")
    return 2 if failed == len(found) else 0
