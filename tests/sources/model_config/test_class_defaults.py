"""What a config.json leaves out takes the default of its configuration class.

`python -m scripts.upstream.config_defaults cases` writes `class_defaults.jsonl`: for each recorded configuration, what
the class of transformers 5.19 or vLLM 0.32 gives for every key once it is taken out of the file.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.class_defaults import class_record
from vllm_costmeter.sources.model_config.reader import ConfigReader

DATA = Path(__file__).parents[2] / "data"
FILES = ("families_vllm_0.32.jsonl", "weights_vllm_0.32_cpu.jsonl", "torchao_vllm_0.32.jsonl")
CONFIGS: dict[str, dict[str, Any]] = {
    entry["name"]: entry["config"]
    for name in FILES
    for entry in map(json.loads, (DATA / name).read_text().splitlines())
} | {file.parent.name: json.loads(file.read_text()) for file in (DATA / "models").glob("*/config.json")}
OWN_NAMES = {
    "exaone": "num_hidden_layers",
    "nomic-bert": "hidden_size num_attention_heads num_hidden_layers",
} | {"telechat2": "intermediate_size num_attention_heads num_hidden_layers"}
"""Keys that these lines state twice. Their class is one of the checkpoint's own code, which takes the family's own name
(n_head, n_layer); the class that the line names instead does not know that."""
LINES = [json.loads(line) for line in (DATA / "class_defaults.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["name"])
def test_a_missing_key_is_what_its_class_fills_in(line: dict[str, Any]) -> None:
    """Each key in turn taken out: the answer is that of the file with the class's default written in, or bad input
    says which key is missing."""
    config, wrong = CONFIGS[line["name"]], []
    for path, default in line["defaults"].items():
        if path in OWN_NAMES.get(line["name"], "").split():
            continue
        ours, expected = _answer(_changed(config, path)), _answer(_changed(config, path, default))
        said = isinstance(ours, str) and (isinstance(expected, str) or path.rpartition(".")[2] in ours)
        if ours != expected and not said:
            wrong.append((path, default, ours, expected))
    assert not wrong


def _answer(config: dict[str, Any]) -> Any:
    """The model, or the line that says why there is none."""
    try:
        return model_from_config(config, "config.json")
    except (BadInputError, NotUnderstoodError) as why:
        return str(why)


def _changed(config: dict[str, Any], path: str, value: Any = ...) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    *sections, key = path.split(".")
    inner = changed
    for name in sections:
        inner = inner[name]
    inner.pop(key)
    if value is not ...:
        inner[key] = value
    return changed


def _model(**changes: Any) -> Any:
    values = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16", **changes}
    return model_from_config(values, "config.json")


def test_a_file_that_names_its_class_alone_is_that_classs_model() -> None:
    """LlamaConfig() is Llama 1 of 7B."""
    assert (_model().parameters, _model().max_model_len) == (6738415616, 2048)


def test_a_default_that_does_not_fit_the_rest_is_said() -> None:
    """QwenConfig fills in 32 KV heads, whatever the number of query heads: vLLM refuses 8."""
    with pytest.raises(BadInputError, match=r"8 query heads do not divide by 32 KV heads"):
        _model(architectures=["Qwen2ForCausalLM"], model_type="qwen2", num_attention_heads=8, hidden_size=512)


def test_kimi_vls_positions_are_its_vision_towers_default() -> None:
    """init_pos_emb_height is 64 in vLLM's MoonViTConfig, which KimiVLConfig gives to its vision section whatever
    model_type that states."""
    config = CONFIGS["kimi-vl"]
    for stated in ("moonvit", "anything", None):
        vision = {key: value for key, value in config["vision_config"].items() if "pos_emb" not in key}
        ours = _answer(config | {"vision_config": vision | {"model_type": stated}})
        assert ours == _answer(
            config | {"vision_config": vision | {"init_pos_emb_height": 64, "init_pos_emb_width": 64}}
        )


@pytest.mark.parametrize(
    ("values", "expected"), [({}, 4096), ({"sliding_window": None}, None), ({"sliding_window": 7}, 7)]
)
def test_null_is_a_statement_where_the_class_keeps_it(values: dict[str, Any], expected: int | None) -> None:
    """MistralConfig without sliding_window has windows; with null it has none."""
    assert ConfigReader({"model_type": "mistral", **values}).optional_int("sliding_window") == expected


def test_a_section_takes_the_class_that_its_parent_gives_it() -> None:
    """LLaVA's text section is Llama's without a model_type, and the type's own with one."""
    for stated, expected in (({}, 11008), ({"model_type": "mistral"}, 14336)):
        text = ConfigReader({"model_type": "llava", "text_config": stated}).optional_section("text_config")
        assert text is not None
        assert text.int("intermediate_size") == expected


def test_text_keys_at_the_root_are_the_text_sections() -> None:
    """Older Qwen2-VL files have no text section; what they leave out is what its class fills in."""
    flat = ConfigReader({"model_type": "qwen2_vl", "hidden_size": 1536})
    assert (flat.int("hidden_size"), flat.int("num_key_value_heads")) == (1536, 8)


def test_a_section_that_is_not_there_is_the_parents_own() -> None:
    """LLaVA without vision_config has CLIP's large tower for 336 pixels."""
    vision = ConfigReader({"model_type": "llava", "text_config": {}}).optional_section("vision_config")
    assert vision is not None
    assert (vision.int("hidden_size"), vision.int("image_size")) == (1024, 336)


def test_a_class_nobody_knows_fills_in_nothing() -> None:
    """The key is missing, and said to be."""
    with pytest.raises(BadInputError, match=r"hidden_size is missing"):
        ConfigReader({"model_type": "unheard_of"}).int("hidden_size")


def test_a_default_that_changed_between_releases_is_said_and_not_used() -> None:
    """DeepSeek V2's vocabulary had another default before transformers 5.19."""
    with pytest.raises(BadInputError, match=r"vocab_size is missing.*102400 in transformers 5\.19\.0.*32000"):
        ConfigReader({"model_type": "deepseek_v2"}).int("vocab_size")


@pytest.mark.parametrize("name", ["source", "classes", "read", "", "\n", '"', "llama\\"])
def test_a_model_type_that_is_no_class_has_no_defaults(name: str) -> None:
    """Whatever a file states: words of the table itself, quotes, nothing."""
    assert class_record(name) == {}


def test_lists_of_layers_stay_bounded() -> None:
    """A corrupt number of layers makes no list."""
    values = {"model_type": "olmo3", "num_hidden_layers": 10**12}
    assert ConfigReader(values).optional_list("layer_types") is None
    wide = {"model_type": "afmoe", "num_hidden_layers": 3, "global_attn_every_n_layers": 10**12}
    assert ConfigReader(wide).optional_list("layer_types") == ["sliding_attention"] * 3
