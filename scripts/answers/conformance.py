"""Compare every number of the fit check's weights and KV cache with vLLM's own code, per model and layout.

python -m scripts.answers.conformance [MODEL ...]     print a table, write docs/conformance.md
python -m scripts.answers.conformance --check         print, write nothing; exit 1 if a number differs

vLLM runs with a fake H100, so that its CUDA code decides block sizes and backends, whichever build is
installed and whether or not there is a GPU.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.concurrent_batches import concurrent_batches
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.kv_cache.parallel import tensor_parallel_fault
from vllm_costmeter.core.kv_cache.planner import KVCache
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import release_of
from vllm_costmeter.plugin.exact import ExactAnswer, ExactRequest, ExactUnavailableError, VllmWorker
from vllm_costmeter.sources.model_config import read_model

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "data" / "models"
REPORT = ROOT / "docs" / "conformance.md"

LAYOUTS = (ParallelConfig(), ParallelConfig(2), ParallelConfig(8), ParallelConfig(1, 2))
CARD = GpuGroup("NVIDIA H100 80GB HBM3", round(79.19 * 2**30), count=8, compute_capability=(9, 0))
POOL_BYTES = 16 << 30
LENGTH_TOKENS = 8192
MOST_WEIGHTS_ERROR = 0.003


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model in one parallel layout. `differences` is empty if every number agrees."""

    model: str
    layout: ParallelConfig
    weights_error: float = 0.0
    """Ours over vLLM's, minus 1, for the rank that differs most."""
    differences: tuple[str, ...] = ()
    not_compared: str = ""
    """Why there are no numbers to compare."""

    @property
    def agrees(self) -> bool:
        return not self.differences


def compare(worker: VllmWorker, folder: Path, layout: ParallelConfig) -> Comparison:
    """Compare our tables with vLLM's code for one model and layout."""
    try:
        theirs = worker.ask(request_for(folder, layout))
    except ExactUnavailableError as why:
        return _compare_refusal(folder, layout, str(why))
    try:
        return compare_numbers(folder, layout, theirs)
    except (BadInputError, NotUnderstoodError) as why:
        return Comparison(folder.name, layout, differences=(f"our tables do not answer: {why}",))


def request_for(folder: Path, layout: ParallelConfig) -> ExactRequest:
    """The request to vLLM for this deployment."""
    beside = folder / "hf_quant_config.json"
    return ExactRequest(
        config=json.loads((folder / "config.json").read_text()),
        gpu_name=CARD.name,
        gpu_memory_bytes=CARD.memory_bytes,
        compute_capability=(9, 0),
        engine_arguments={
            "tensor_parallel_size": layout.tensor_parallel_size,
            "pipeline_parallel_size": layout.pipeline_parallel_size,
        },
        hf_quant_config=json.loads(beside.read_text()) if beside.is_file() else None,
        lengths=(LENGTH_TOKENS,),
        pools_bytes=(POOL_BYTES,),
    )


def _compare_refusal(folder: Path, layout: ParallelConfig, reason: str) -> Comparison:
    """vLLM has no numbers. If it refuses the layout, our tables must refuse it too."""
    try:
        fault = tensor_parallel_fault(read_model(folder).attention, layout.tensor_parallel_size)
    except (BadInputError, NotUnderstoodError):
        return Comparison(
            folder.name, layout, not_compared=f"{_shortened(reason)} (unknown to the tables too)"
        )
    note = _shortened(reason) + ("; ours refuse it too" if fault else "")
    return Comparison(folder.name, layout, not_compared=note)


def compare_numbers(folder: Path, layout: ParallelConfig, theirs: ExactAnswer) -> Comparison:
    """Compare our tables, by the rules of that vLLM release, with its answer to `request_for`."""
    release = release_of(theirs.counts.vllm_version)
    model = read_model(folder).on_gpu(KernelTarget(CARD.compute_capability, release))
    engine_args = EngineArgs(layout=layout)
    engine = resolve_engine(model, CARD, engine_args, release)
    cache = kv_cache(
        model.attention,
        engine_args,
        kv_rules(release),
        max_num_batched_tokens=engine.max_num_batched_tokens,
        compute_capability=CARD.compute_capability,
        concurrent_batches=concurrent_batches(model, engine_args, release),
    )
    ours, counted = model.weights_bytes(engine_args), theirs.counts.weights_bytes
    error = max((mine / their - 1 for mine, their in zip(ours, counted, strict=True)), key=abs)
    found = list(_differences(cache, theirs))
    if abs(error) > MOST_WEIGHTS_ERROR:
        found.append(f"weights {ours} for {counted}")
    if (engine.max_num_batched_tokens, engine.max_num_seqs) != (
        theirs.counts.max_num_batched_tokens,
        theirs.max_num_seqs,
    ):
        found.append(f"batch {engine.max_num_batched_tokens}/{engine.max_num_seqs}")
    if model.max_model_len != theirs.model.max_model_len:
        found.append(f"max_model_len {model.max_model_len} for {theirs.model.max_model_len}")
    return Comparison(folder.name, layout, error, tuple(found))


def _differences(cache: KVCache, theirs: ExactAnswer) -> Iterator[str]:
    """Every number of the KV cache that differs from vLLM's."""
    maximum = theirs.model.max_model_len
    for rank, (mine, their) in enumerate(zip(cache.layers, theirs.counts.layers, strict=True)):
        layers = sorted(
            (layer.kind.value, layer.page_bytes, layer.block_tokens, count) for layer, count in mine
        )
        expected = sorted((one.kind, one.page_bytes, one.block_tokens, one.count) for one in their)
        if any(kind == "MambaSpec" and block == maximum for kind, _, block, _ in expected):
            # one state for any length: vLLM's block size is then the whole length, ours that of attention
            layers, expected = [_without_state_blocks(each) for each in (layers, expected)]
        if layers != expected:
            yield f"layers of rank {rank}: {layers} for {expected}"
    pairs: list[tuple[str, object, object]] = [
        ("groups", cache.num_groups, len(theirs.counts.groups)),
        ("bytes per block", cache.bytes_per_block, theirs.counts.bytes_per_block),
        ("longest length", cache.longest_that_fits(POOL_BYTES, maximum), theirs.pools[0].longest_length),
    ]
    for one in theirs.lengths:
        pairs.append(
            (f"bytes for {one.length_tokens}", cache.bytes_needed(one.length_tokens), one.bytes_needed)
        )
    pairs.append(("fits", cache.fits(LENGTH_TOKENS, POOL_BYTES), bool(theirs.capacities)))
    for capacity in theirs.capacities:
        mine = cache.capacity(capacity.length_tokens, capacity.pool_bytes)
        pairs += [
            ("blocks", mine.num_blocks, capacity.num_blocks),
            ("tokens", mine.tokens, capacity.tokens),
            ("concurrency", mine.max_concurrency, capacity.max_concurrency),
        ]
    steps = {
        length for length in (1, 100, LENGTH_TOKENS + 1, maximum // 3, maximum) if 1 <= length <= maximum
    }
    for length in sorted(steps):
        blocks = sum(need.blocks_for(length) for need in theirs.counts.groups)
        pairs.append((f"blocks for {length}", cache.blocks_for(length), blocks))
    yield from (f"{name}: {mine} for {their}" for name, mine, their in pairs if mine != their)


def _without_state_blocks(layers: list[tuple[str, int, int, int]]) -> list[tuple[str, int, int, int]]:
    return sorted((kind, page, 0 if kind == "MambaSpec" else block, n) for kind, page, block, n in layers)


def compare_all(folders: Sequence[Path], layouts: Sequence[ParallelConfig] = LAYOUTS) -> Iterator[Comparison]:
    """All models in all layouts, in one vLLM process, restarted if it dies."""
    worker: VllmWorker | None = None
    try:
        for folder in folders:
            for layout in layouts:
                if worker is None or not worker.is_alive:
                    worker = VllmWorker()
                yield compare(worker, folder, layout)
    finally:
        if worker is not None:
            worker.close()


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."


def _name(layout: ParallelConfig) -> str:
    return f"TP {layout.tensor_parallel_size} PP {layout.pipeline_parallel_size}"


def _rows(found: Sequence[Comparison]) -> Iterator[str]:
    for one in found:
        verdict = "; ".join(one.differences) or one.not_compared or "equal"
        error = "" if one.not_compared else f"{one.weights_error:+.4%}"
        yield f"| {one.model} | {_name(one.layout)} | {error} | {verdict} |"


def report(found: Sequence[Comparison]) -> str:
    """The page: a summary and a row per model and layout."""
    compared = [one for one in found if not one.not_compared]
    equal = [one for one in compared if one.agrees]
    worst = max((abs(one.weights_error) for one in compared), default=0.0)
    lines = [
        "# The tables against vLLM's own code",
        "",
        "Written by `python -m scripts.answers.conformance`. vLLM builds each model on the meta device for a",
        "pretended H100 and plans its KV cache for a pool of 16 GiB per rank; every number is held against the fit",
        "check's tables: layer kinds, pages and blocks, groups, bytes per block, bytes and blocks for lengths, longest",
        "length, blocks, tokens and concurrency (all equal), and the bytes of weights per rank (within 0.3 %).",
        "",
        f"{len(equal)} of {len(compared)} deployments agree; the largest error of the weights is {worst:.4%}. "
        f"{len(found) - len(compared)} could not be compared.",
        "",
        "| model | layout | weights | KV cache |",
        "|---|---|---|---|",
        *_rows(found),
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    names = [name for name in arguments if not name.startswith("--")]
    folders = [MODELS / name for name in names] or sorted(path for path in MODELS.iterdir() if path.is_dir())
    found = []
    for one in compare_all(folders):
        found.append(one)
        print(next(_rows([one])), flush=True)
    page = report(found)
    print(page.split("|")[0])
    if "--check" not in arguments and not names:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(page)
    return 0 if all(one.agrees for one in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
