"""The GGUF files of a model, and the combined content of their headers.

As vllm-gguf-plugin 0.0.5 finds them (`_get_all_gguf_files`, `resolve_local_gguf`; read 2026-11): one file, all parts
of a split one, or `folder:Q4_K_M`.
"""

from __future__ import annotations

from pathlib import Path

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.checkpoint import merged
from vllm_costmeter.sources.checkpoint.gguf import GgufFile, read_gguf
from vllm_costmeter.sources.checkpoint.weight_files import missing_files, promised_shards

PROJECTOR = "mmproj"
"""Part of the names of files with an image encoder and no language model."""


def read_parts(file: Path) -> GgufFile:
    """A GGUF file, with the other parts if it is split: the first one has the metadata.

    Raises BadInputError if a part is missing: vLLM would start with part of a model.
    """
    names = promised_shards([file.name]) or [file.name]
    missing = [name for name in names if not (file.parent / name).is_file()]
    if missing:
        raise missing_files(str(file.parent), missing)
    parts = [read_gguf(file.parent / name) for name in names]
    return GgufFile(
        parts[0].metadata, merged(part.contents for part in parts), any(part.has_head for part in parts)
    )


def only_model(folder: Path) -> Path | None:
    """The folder's GGUF model (the first part of a split one); None without any. Raises BadInputError for several."""
    models = _models(folder)
    if len(models) > 1:
        shown = ", ".join(file.name for file in models[:3])
        raise BadInputError(f"{folder}: contains {len(models)} GGUF models ({shown}): give the file")
    return models[0] if models else None


def model_of_type(folder: Path, quantization: str) -> Path:
    """`folder:Q4_K_M` as vLLM resolves it: the file whose name ends in the quantization."""
    models = _models(folder)
    for pattern in (f"*-{quantization}.gguf", f"*-{quantization}-*.gguf"):
        for file in models:
            if file.match(pattern):
                return file
    there = ", ".join(file.name for file in models[:3]) or "no GGUF file"
    raise BadInputError(f"{folder}: no GGUF file with {quantization[:40]!r}; there is {there}")


def projector_beside(file: Path, gguf: GgufFile) -> Path | None:
    """The image encoder that vLLM loads with a model, which it does only for Gemma 3 (`detect_gguf_multimodal`)."""
    if gguf.metadata.get("general.architecture") != "gemma3":
        return None
    return next(iter(sorted(file.parent.glob(f"*{PROJECTOR}*.gguf"))), None)


def _models(folder: Path) -> list[Path]:
    """Every model once, without projectors, names with fewer parts first."""
    files = [file for file in folder.glob("*.gguf") if PROJECTOR not in file.name and file.is_file()]
    first = {(promised_shards([file.name]) or [file.name])[0]: file for file in sorted(files, reverse=True)}
    return sorted(first.values(), key=lambda file: (file.name.count("-"), file.name))
