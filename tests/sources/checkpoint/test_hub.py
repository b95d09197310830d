"""Repositories of the Hub, read by the real client library from a stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from checkpoint_files import TINY_LLAMA, write_checkpoint, write_raw
from hub_stand_in import COMMIT, Hub, hub

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.checkpoint.hub import config_from_hub, model_from_hub
from vllm_costmeter.sources.checkpoint.hub_cache import HubCache
from vllm_costmeter.sources.checkpoint.hub_client import HubClient

TOKEN = "hf_secretsecretsecret"


class Reader:
    """What a user has: a client, and a cache that lasts."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self.now = 1_000_000.0

    def read(
        self, repository: str = "org/tiny", revision: str | None = None, token: str | None = None
    ) -> Model:
        """One check."""
        client = HubClient(token)
        return model_from_hub(
            repository, revision, client, HubCache(client.endpoint, self._cache, lambda: self.now)
        )

    def config(self) -> object:
        """The config.json and hf_quant_config.json of org/tiny's last check."""
        client = HubClient(None)
        return config_from_hub("org/tiny", None, client, HubCache(client.endpoint, self._cache))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in with one repository, org/tiny, of three shards."""
    write_checkpoint(tmp_path / "tiny", shards=3)
    with hub(Hub({"org/tiny": tmp_path / "tiny"})) as stand_in:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", stand_in.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
        monkeypatch.setenv("HF_TOKEN", "")
        yield stand_in


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A user with an empty cache."""
    return Reader(tmp_path / "cache")


def shards(folder: Path) -> int:
    """Bytes of tensors in a folder's files."""
    return int(json.loads((folder / "model.safetensors.index.json").read_text())["metadata"]["total_size"])


def test_weights_are_exact_and_nothing_is_downloaded(server: Hub, reader: Reader) -> None:
    """Three requests and one per shard; 0.7 GiB of weights cost some kilobytes."""
    model = reader.read()
    assert model.weights_bytes(EngineArgs()) == (shards(server.folders["org/tiny"]),)
    assert (model.id, model.weights_source) == ("org/tiny", "safetensors")
    assert len(server.requests) == 3 + 3
    assert server.bytes_sent < 50_000


def test_what_was_read_of_a_config_is_at_hand(server: Hub, reader: Reader) -> None:
    """Exact mode hands vLLM the config.json of the check itself: nothing more is asked, nothing known before it."""
    assert reader.config() is None
    reader.read()
    asked = len(server.requests)
    config = json.loads((server.folders["org/tiny"] / "config.json").read_text())
    assert reader.config() == (config, None)
    assert len(server.requests) == asked


def test_a_second_look_at_a_revision_asks_nothing(server: Hub, reader: Reader) -> None:
    """A branch for an hour, a commit for ever; after an hour a branch costs one request."""
    first = reader.read()
    asked = len(server.requests)
    assert reader.read().weights_bytes(EngineArgs()) == first.weights_bytes(EngineArgs())
    reader.read(revision=COMMIT)
    assert len(server.requests) == asked
    reader.now += 7200
    reader.read()
    assert len(server.requests) == asked + 1


def test_an_embedder_is_known_by_its_listing(server: Hub, reader: Reader) -> None:
    """At no further request, and from the cache the same."""
    (server.folders["org/tiny"] / "modules.json").write_text("[]")
    assert [reader.read().is_pooling for _ in range(2)] == [True, True]
    assert len(server.requests) == 3 + 3


def test_a_single_file_needs_no_index(server: Hub, reader: Reader, tmp_path: Path) -> None:
    """Listing, config.json, one header."""
    total = write_checkpoint(tmp_path / "one")
    server.folders["org/one"] = tmp_path / "one"
    assert reader.read("org/one").weights_bytes(EngineArgs()) == (total,)
    assert len(server.requests) == 3


def test_quantization_in_a_file_of_its_own_takes_the_indexs_place(
    server: Hub, reader: Reader, tmp_path: Path
) -> None:
    """Still at most three requests beside the headers."""
    write_checkpoint(tmp_path / "quantized", shards=2)
    (tmp_path / "quantized" / "hf_quant_config.json").write_text('{"quantization": {"quant_algo": "FP8"}}')
    server.folders["org/quantized"] = tmp_path / "quantized"
    assert reader.read("org/quantized").quantization == "modelopt"
    assert len(server.requests) == 3 + 2


def test_a_header_longer_than_expected_costs_one_more_request(
    server: Hub, reader: Reader, tmp_path: Path
) -> None:
    """And is read whole."""
    folder = tmp_path / "wordy"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY_LLAMA))
    entry = {"dtype": "BF16", "shape": [1000], "data_offsets": [0, 2000]}
    header = json.dumps({"__metadata__": {"words": "x" * 300_000}, "lm_head.weight": entry})
    write_raw(folder / "model.safetensors", header.encode(), 2000)
    server.folders["org/wordy"] = folder
    assert reader.read("org/wordy").weights_bytes(EngineArgs()) == (2000,)
    assert len(server.requests) == 4


def test_a_server_without_ranges_is_not_read_to_the_end(server: Hub, reader: Reader) -> None:
    """The first bytes are taken and the connection is closed."""
    server.ignores_ranges = True
    assert reader.read().weights_bytes(EngineArgs()) == (shards(server.folders["org/tiny"]),)


def test_a_private_repository_needs_its_token(server: Hub, reader: Reader) -> None:
    """With it the answer, without it one line; the token is in neither."""
    server.token = TOKEN
    with pytest.raises(BadInputError, match="set HF_TOKEN if it is private"):
        reader.read()
    with pytest.raises(BadInputError) as caught:
        reader.read(token=TOKEN + "x")
    assert TOKEN not in repr(caught.getrepr(chain=True))
    assert TOKEN not in repr(reader.read(token=TOKEN))
    server.gated = True
    reader.now += 7200
    with pytest.raises(BadInputError, match="is gated: accept its terms"):
        Reader(Path("/nonexistent")).read()


@pytest.mark.parametrize(
    ("repository", "revision", "says"),
    [
        ("org/none", None, "no such model on http://127.0.0.1"),
        ("org/tiny", "v9", "has no revision 'v9'"),
        ("org/..", None, "neither a local path nor a Hub id"),
    ],
)
def test_what_is_not_there_is_one_line(
    server: Hub, reader: Reader, repository: str, revision: str | None, says: str
) -> None:
    """Which repository or revision, and what to do."""
    with pytest.raises(BadInputError, match=says) as caught:
        reader.read(repository, revision)
    assert "\n" not in str(caught.value)


def test_without_a_network_a_local_config_is_the_way(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear line; credentials of the endpoint are not in it."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://user:secret@127.0.0.1:9")
    with pytest.raises(BadInputError, match=r"cannot be reached .*costmeter check \./config\.json") as caught:
        reader.read()
    assert "secret" not in str(caught.value)


def test_a_broken_hub_is_one_line(server: Hub, reader: Reader) -> None:
    """A status that is nobody's fault here."""
    server.broken = 500
    with pytest.raises(BadInputError, match=r"cannot be reached \(answer 500\)"):
        reader.read()


def test_what_was_seen_before_stands_in(server: Hub, reader: Reader) -> None:
    """A day later without a network: the same answer, and a note that says so."""
    first = reader.read()
    reader.now += 86_400
    server.broken = 503
    later = reader.read()
    assert later.weights_bytes(EngineArgs()) == first.weights_bytes(EngineArgs())
    assert "cannot be reached" in later.notes[-1]


def test_offline_mode_asks_nothing(
    server: Hub, reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """HF_HUB_OFFLINE: our own cache at any age, else the client's, which holds a snapshot as vLLM left it."""
    snapshot = tmp_path / "hf" / "models--org--tiny"
    (snapshot / "refs").mkdir(parents=True)
    (snapshot / "refs" / "main").write_text(COMMIT)
    write_checkpoint(snapshot / "snapshots" / COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    model = reader.read()
    assert (model.id, model.weights_source) == ("org/tiny", "safetensors")
    assert server.requests == []
    with pytest.raises(BadInputError, match="offline mode"):
        reader.read("org/other")


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("model.gguf", "contains GGUF files"),
        ("params.json", r"params\.json: is empty"),
        ("README.md", "contains no config.json"),
    ],
)
def test_other_kinds_of_repositories(
    server: Hub, reader: Reader, tmp_path: Path, file: str, says: str
) -> None:
    """What a repository without config.json is."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / file).write_text("")
    server.folders["org/other"] = tmp_path / "other"
    with pytest.raises((BadInputError, NotUnderstoodError), match=says):
        reader.read("org/other")


def test_a_corrupt_cache_is_as_good_as_none(server: Hub, reader: Reader, tmp_path: Path) -> None:
    """Half a file is read again, and so is one that anybody could have written."""
    first = reader.read()
    for file in (tmp_path / "cache").iterdir():
        file.write_text(file.read_text()[:20])
    assert reader.read().weights_bytes(EngineArgs()) == first.weights_bytes(EngineArgs())
    asked = len(server.requests)
    (tmp_path / "cache").chmod(0o777)
    reader.read()
    assert len(server.requests) > asked
