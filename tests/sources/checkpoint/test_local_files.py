"""Which files of a folder are its weights: shards, their index, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checkpoint_files import llama_shapes, write_checkpoint, write_safetensors
from measured import takes_at_most

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.checkpoint.local import checkpoint_in
from vllm_costmeter.sources.models.local import local_model


def test_mistrals_second_copy_is_not_added(tmp_path: Path) -> None:
    """A repository with both `consolidated` and Hugging Face's files holds one model, not two."""
    total = write_checkpoint(tmp_path)
    write_safetensors(tmp_path / "consolidated.safetensors", llama_shapes())
    contents = checkpoint_in(tmp_path)
    assert contents is not None
    assert contents.total_bytes == total


def test_a_clone_without_large_files_is_a_config_alone(tmp_path: Path) -> None:
    """git-lfs pointers are no weights: config.json answers."""
    write_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    assert local_model(tmp_path).weights_source == "config"


@pytest.mark.parametrize("indexed", [True, False])
def test_a_missing_shard_is_named(tmp_path: Path, indexed: bool) -> None:
    """Half a download is not weighed."""
    write_checkpoint(tmp_path, shards=3)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    if not indexed:
        (tmp_path / "model.safetensors.index.json").unlink()
    with pytest.raises(BadInputError, match=r"model-00002-of-00003\.safetensors is missing"):
        local_model(tmp_path)


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ('{"weight_map": {"model.norm.weight": "mod', "is not valid JSON"),
        ("", "is empty"),
        ("[]", "must hold a JSON object"),
        ("{}", "weight_map is missing"),
        ('{"weight_map": {"model.norm.weight": 3}}', "must name a safetensors file in the same folder"),
        ('{"weight_map": {"model.norm.weight": "../../x.safetensors"}}', "must name a safetensors file"),
    ],
)
@pytest.mark.parametrize("shards", [0, 1, 3])
def test_a_faulty_index_is_one_line(tmp_path: Path, index: str, says: str, shards: int) -> None:
    """vLLM reads it before any weight: with its shards, with one file and with none it is named, never passed over."""
    write_checkpoint(tmp_path, shards=shards or 1)
    if not shards:
        (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(BadInputError, match=says) as caught:
        local_model(tmp_path)
    assert "model.safetensors.index.json: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_the_index_does_not_list_is_not_loaded(tmp_path: Path) -> None:
    """A stray file is not counted; a shard of the set itself that no tensor is in is a fault of the index."""
    total = write_checkpoint(tmp_path, shards=3)
    write_safetensors(tmp_path / "extra.safetensors", {"model.norm.weight": (4096,)})
    assert local_model(tmp_path).weights_bytes(EngineArgs()) == (total,)
    index = tmp_path / "model.safetensors.index.json"
    weight_map = json.loads(index.read_text())["weight_map"]
    some = {tensor: file for tensor, file in weight_map.items() if "00002-of" not in file}
    index.write_text(json.dumps({"weight_map": some}))
    with pytest.raises(BadInputError, match=r"names no tensor of model-00002-of-00003\.safetensors"):
        local_model(tmp_path)


def test_json_files_alone_are_a_config_alone(tmp_path: Path) -> None:
    """A download of the JSON files: the index is whole, no weight is there, config.json answers."""
    write_checkpoint(tmp_path, shards=3)
    for shard in tmp_path.glob("*.safetensors"):
        shard.unlink()
    assert local_model(tmp_path).weights_source == "config"


def test_two_hundred_shards_are_read_in_half_a_second(tmp_path: Path) -> None:
    """With their index."""
    weight_map: dict[str, str] = {}
    for number in range(200):
        tensors = {f"model.layers.{number}.experts.{expert}.weight": (512, 512) for expert in range(100)}
        name = f"model-{number + 1:05}-of-00200.safetensors"
        write_safetensors(tmp_path / name, tensors)
        weight_map |= dict.fromkeys(tensors, name)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert takes_at_most(0.5, lambda: checkpoint_in(tmp_path))
    contents = checkpoint_in(tmp_path)
    assert contents is not None
    assert (contents.num_tensors, contents.num_files) == (20_000, 200)
