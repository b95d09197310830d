"""Make a tiny Llama with random weights that a real vLLM serves: `tiny_model.py FOLDER`.

Four layers, hidden size 256, a byte-level tokenizer with a chat template: about 10 MB, made in a second
without a download. Its output is noise; its cost is measured like any other model's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LAYERS = 4
HIDDEN_SIZE = 256
INTERMEDIATE_SIZE = 512
ATTENTION_HEADS = 4
KEY_VALUE_HEADS = 2
HEAD_SIZE = 64
MAX_LENGTH_TOKENS = 2048
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<|turn|>")
VOCABULARY = 256 + len(SPECIAL_TOKENS)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message.role }}\n{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN_SIZE,
    "intermediate_size": INTERMEDIATE_SIZE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": ATTENTION_HEADS,
    "num_key_value_heads": KEY_VALUE_HEADS,
    "head_dim": HEAD_SIZE,
    "max_position_embeddings": MAX_LENGTH_TOKENS,
    "vocab_size": VOCABULARY,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "pad_token_id": 256,
    "bos_token_id": 257,
    "eos_token_id": 258,
}


def make_tiny_model(folder: Path) -> Path:
    """Write the model to `folder` and return it. A complete model already there is left unchanged."""
    config = json.dumps(CONFIG, indent=2) + "\n"
    if (folder / "config.json").is_file() and (folder / "config.json").read_text() == config:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "model.safetensors")
    write_tokenizer(folder)
    (folder / "config.json").write_text(config)  # last: its presence marks the rest as complete
    return folder


def write_weights(path: Path) -> None:
    """Random float32 weights, the same on every machine (fixed seed)."""
    import numpy as np
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed=20260101)
    rows_by_name = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN_SIZE),
        "lm_head.weight": (VOCABULARY, HIDDEN_SIZE),
    }
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for projection, rows in (("q", ATTENTION_HEADS), ("k", KEY_VALUE_HEADS), ("v", KEY_VALUE_HEADS)):
            rows_by_name[f"{prefix}.self_attn.{projection}_proj.weight"] = (rows * HEAD_SIZE, HIDDEN_SIZE)
        rows_by_name[f"{prefix}.self_attn.o_proj.weight"] = (HIDDEN_SIZE, ATTENTION_HEADS * HEAD_SIZE)
        rows_by_name[f"{prefix}.mlp.gate_proj.weight"] = (INTERMEDIATE_SIZE, HIDDEN_SIZE)
        rows_by_name[f"{prefix}.mlp.up_proj.weight"] = (INTERMEDIATE_SIZE, HIDDEN_SIZE)
        rows_by_name[f"{prefix}.mlp.down_proj.weight"] = (HIDDEN_SIZE, INTERMEDIATE_SIZE)
    tensors = {name: random.normal(0, 0.05, shape).astype("float32") for name, shape in rows_by_name.items()}
    norms = ["model.norm"]
    norms += [f"model.layers.{layer}.input_layernorm" for layer in range(LAYERS)]
    norms += [f"model.layers.{layer}.post_attention_layernorm" for layer in range(LAYERS)]
    tensors |= {f"{name}.weight": np.ones(HIDDEN_SIZE, dtype="float32") for name in norms}
    save_file(tensors, path, metadata={"format": "pt"})


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer with one token per byte and no merges: n bytes of text are n tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={symbol: rank for rank, symbol in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": MAX_LENGTH_TOKENS,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tiny_model.py FOLDER")
    print(make_tiny_model(Path(sys.argv[1])))
