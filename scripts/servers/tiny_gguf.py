"""Make a tiny Llama with random weights that llama.cpp serves: `tiny_gguf.py FILE` (needs the package
`gguf`).

Two layers, hidden size 64, a byte-level tokenizer: 0.4 MB, made in a second without a download. Its output is
noise; its cost is measured like any other model's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

LAYERS = 2
HIDDEN_SIZE = 64
INTERMEDIATE_SIZE = 128
ATTENTION_HEADS = 4
KEY_VALUE_HEADS = 2
HEAD_SIZE = 16
MAX_LENGTH_TOKENS = 4096
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")
TOKENS = (*SPECIAL_TOKENS, *(f"<0x{byte:02X}>" for byte in range(256)))
UNREADABLE_TOKENS = tuple(
    len(SPECIAL_TOKENS) + byte for byte in range(256) if not 32 <= byte < 127
)  # random bytes are not valid UTF-8, for which llama.cpp returns 500


def make_tiny_gguf(path: Path) -> Path:
    """Write `path`, with the same weights every time, and return it."""
    import gguf

    writer = gguf.GGUFWriter(str(path), "llama")
    _write_facts(writer, gguf)
    for name, tensor in _tensors().items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_facts(writer: Any, gguf: Any) -> None:
    writer.add_name("tiny")
    writer.add_context_length(MAX_LENGTH_TOKENS)
    writer.add_embedding_length(HIDDEN_SIZE)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INTERMEDIATE_SIZE)
    writer.add_head_count(ATTENTION_HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(TOKENS))
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types(kinds + [gguf.TokenType.BYTE] * 256)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}\n{% endfor %}")


def _tensors() -> dict[str, Any]:
    """Random float32 weights by their GGUF names, the same on every machine (fixed seed)."""
    import numpy as np

    random = np.random.default_rng(seed=20260101)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (len(TOKENS), HIDDEN_SIZE),
        "output.weight": (len(TOKENS), HIDDEN_SIZE),
    }
    norms = ["output_norm.weight"]
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        norms += [f"{block}.attn_norm.weight", f"{block}.ffn_norm.weight"]
        for projection, heads in (("q", ATTENTION_HEADS), ("k", KEY_VALUE_HEADS), ("v", KEY_VALUE_HEADS)):
            shapes[f"{block}.attn_{projection}.weight"] = (heads * HEAD_SIZE, HIDDEN_SIZE)
        shapes[f"{block}.attn_output.weight"] = (HIDDEN_SIZE, ATTENTION_HEADS * HEAD_SIZE)
        shapes[f"{block}.ffn_gate.weight"] = (INTERMEDIATE_SIZE, HIDDEN_SIZE)
        shapes[f"{block}.ffn_up.weight"] = (INTERMEDIATE_SIZE, HIDDEN_SIZE)
        shapes[f"{block}.ffn_down.weight"] = (HIDDEN_SIZE, INTERMEDIATE_SIZE)
    tensors = {name: random.normal(0, 0.05, shape).astype("float32") for name, shape in shapes.items()}
    return tensors | {name: np.ones(HIDDEN_SIZE, dtype="float32") for name in norms}


if __name__ == "__main__":
    print(make_tiny_gguf(Path(sys.argv[1])))
