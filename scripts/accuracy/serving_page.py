"""Write docs/serving.md: how serving is modelled, and its errors on measurements.

`python -m scripts.accuracy.serving_page [--check]`; `--check` writes nothing and fails if the page is not current.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.accuracy import arrivals_beside, other_estimators, recommended_rows, serving_errors, serving_runs
from scripts.accuracy.serving_errors import Error, error_of, summaries, table
from vllm_costmeter.core.economics.estimated_layout import EstimatedLayout, estimated_layout
from vllm_costmeter.core.economics.throughput import Load
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.precision import precision, requantized
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.links import LINKS
from vllm_costmeter.core.serving.placement import every_layout
from vllm_costmeter.outputs.text.table_layout import markdown_table
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

ROOT = Path(__file__).resolve().parents[2]
PAGE, WORDS = ROOT / "docs" / "serving.md", Path(__file__).parent / "serving_page.md"
ARTICLE = (
    ("4090, 8B, batched", "2,550", "Llama 3.1 8B", "own", "RTX 4090", 64),
    ("4090, 8B Q4, batched", "2,550", "Llama 3.1 8B", "q4", "RTX 4090", 128),
    ("H100, 8B FP16, batched", "8,000", "Llama 3.1 8B", "own", "H100 SXM", 256),
    ("H100, 8B FP8, batched", "12,000", "Llama 3.1 8B", "fp8", "H100 SXM", 256),
    ("H100, 70B Q4, batched", "1,500", "Llama 3.3 70B", "q4", "H100 SXM", 128),
    ("4090, 8B Q4, one user", "80 to 120", "Llama 3.1 8B", "q4", "RTX 4090", 1),
    ("H100, 8B Q4, one user", "350 to 450", "Llama 3.1 8B", "q4", "H100 SXM", 1),
    ("4090, 13B Q4, one user", "40 to 60", "Llama 2 13B", "q4", "RTX 4090", 1),
    ("H100, 13B Q4, one user", "180 to 240", "Llama 2 13B", "q4", "H100 SXM", 1),
    ("H100, 70B Q4, one user", "90 to 110", "Llama 3.3 70B", "q4", "H100 SXM", 1),
)
LOADS = ((512, 256), (128, 512))
CONCURRENCIES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512)
MOST = max(CONCURRENCIES)
TOGETHER = (
    ("1x H100 SXM", "H100 SXM", 1, 1),
    *((f"8x RTX 4090, {n} x {8 // n}", "RTX 4090", 8, n) for n in (1, 2, 4)),
)


def estimated(
    model: str, quantization: str, gpu: str, load: Load, *, gpus: int = 1, copies: int = 1
) -> EstimatedLayout:
    """The fastest layout that fits."""
    spec, known = find_gpu(gpu), requantized(named_model(model).model, precision(quantization))
    asked = EngineArgs(max_model_len=load.prompt_tokens + load.output_tokens)
    found, _ = every_layout(known, spec, gpus, NEWEST, asked, data_parallel_size=copies)
    return max((estimated_layout(each, known, spec, load) for each in found), key=EstimatedLayout.preference)


def article() -> str:
    """The article's rates beside the estimate for short and for long answers."""
    rows = []
    for name, said, model, quantization, gpu, users in ARTICLE:
        cells = []
        for lengths in LOADS:
            found = estimated(model, quantization, gpu, Load(users, *lengths)).estimate
            low, high = found.generated_range
            rate = found.generated_tokens_per_second
            cells.append(f"{rate:,.0f} ({low:,.0f} to {high:,.0f}), {found.concurrency} at once")
        claim = float(said.partition(" ")[0].replace(",", ""))
        rows.append(
            (name, said, *cells, _holds(claim, model, quantization, gpu, most=MOST if users > 1 else 1))
        )
    titles = (
        "the article",
        "it says, tok/s",
        *(f"{prompt} in, {output} out" for prompt, output in LOADS),
        "holds",
    )
    return markdown_table(titles, rows)


def _holds(claim: float, model: str, quantization: str, gpu: str, *, most: int) -> str:
    """The fewest requests at once with which the estimate reaches the claim, up to `most`; else what is against it."""
    for prompt, output in LOADS:
        rates = {}
        for users in (each for each in CONCURRENCIES if each <= most):
            found = estimated(model, quantization, gpu, Load(users, prompt, output)).estimate
            rates[users] = found.generated_tokens_per_second
            if rates[users] >= claim:
                return f"from {users} at once, {prompt} in, {output} out"
    found = estimated(model, quantization, gpu, Load(most, *LOADS[-1])).estimate
    if found.floor_tokens_per_second < claim:
        return f"cannot: {found.floor_tokens_per_second:,.0f} at the hardware's limit"
    return f"no: {max(rates.values()):,.0f} at most, of {found.floor_tokens_per_second:,.0f} at the hardware's limit"


def together() -> str:
    """Eight consumer GPUs in one, two and four copies, beside one H100."""
    rows = []
    for name, gpu, gpus, copies in TOGETHER:
        found = estimated("Llama 3.3 70B", "q4", gpu, Load(128, 512, 256), gpus=gpus, copies=copies)
        layout = found.placed.engine_args.layout
        sizes = f"TP {layout.tensor_parallel_size}, PP {layout.pipeline_parallel_size}"
        rows.append(
            (
                name,
                sizes,
                f"{found.estimate.generated_tokens_per_second:,.0f}",
                f"{found.estimate.concurrency}",
                found.estimate.limit,
            )
        )
    return markdown_table(
        ("GPUs, copies x GPUs each", "fastest layout", "tokens/s", "at once", "limit"), rows
    )


def links() -> str:
    """Every link, with its all-reduce."""
    rows = [
        (
            f"`{link.name}`",
            link.words,
            *(f"{link.message_bytes_per_second[gpus] / 1e9:.3g}" for gpus in (2, 4, 8)),
            f"{link.hop_bytes_per_second / 1e9:.3g}",
            "timed" if link.timed else "derived",
        )
        for link in LINKS.values()
    ]
    titles = ("`--link`", "", "all-reduce of 2, GB/s", "of 4", "of 8", "one hop, GB/s", "")
    return markdown_table(titles, rows)


def half_load(errors: Sequence[Error]) -> str:
    """Of TTFT: "20 % (464 runs)"."""
    sizes = [
        abs(each.ttft)
        for each in errors
        if each.ttft is not None and each.run.concurrency <= each.run.most_running / 2
    ]
    return f"{statistics.median(sizes):.0%} ({len(sizes)} runs)"


def page(errors: Sequence[Error]) -> str:
    """The whole page."""
    held = [error for error in errors if error.run.split.startswith("held-out")]
    rows = [
        (name, str(len(found)), *summaries(found))
        for name, found in (
            ("all runs", errors),
            ("held-out", held),
            *((f"{split}", [each for each in held if each.run.split == split]) for split in SPLITS),
        )
    ]
    parts = {
        "summary": markdown_table(("", "runs", "tokens/s", "TPOT", "TTFT"), rows),
        "sources": table(errors, "source", serving_errors.TABLES["source"]),
        "gpus": table(errors, "GPU", serving_errors.TABLES["GPU"]),
        "models": table(errors, "model", serving_errors.TABLES["model"]),
        "article": article(),
        "half": half_load(held),
        "recommended": recommended_rows.summary(errors),
        "aiconfigurator": other_estimators.beside(errors),
        "arrivals": arrivals_beside.table(),
        "together": together(),
        "links": links(),
    }
    text = WORDS.read_text("utf-8")
    for name, content in parts.items():
        text = text.replace(f"<!-- {name} -->", content.rstrip("\n"))
    return text


SPLITS = ("held-out: model", "held-out: GPU", "held-out: source")


def main() -> int:
    """Write or compare; 1 if the page is stale."""
    runs = [*serving_runs.committed(), *serving_runs.sweep()]
    text = page([error_of(run) for run in runs])
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
