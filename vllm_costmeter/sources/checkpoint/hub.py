"""A repository of the Hub -> a model: its config.json and the headers of its weights; no weight is downloaded.

At most three requests plus one per weight file; none for a cached revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.checkpoint import CheckpointContents, merged
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.checkpoint.hub_cache import HubCache, HubModel, is_commit
from vllm_costmeter.sources.checkpoint.hub_client import HubClient, HubUnreachableError, Listing
from vllm_costmeter.sources.checkpoint.model import model_of
from vllm_costmeter.sources.checkpoint.safetensors_header import LENGTH_BYTES, header_length, parse_header
from vllm_costmeter.sources.checkpoint.weight_files import (
    LARGEST_INDEX_BYTES,
    MOST_FILES,
    MOST_INDEX_VALUES,
    index_name,
    indexed_header_bytes,
    missing_shards,
    safetensors_files,
)
from vllm_costmeter.sources.model_config import SENTENCE_TRANSFORMERS, config_files, parse_json_object
from vllm_costmeter.sources.model_config.params import (
    BESIDE,
    HEADS,
    PARAMS,
    reads_params,
    with_config,
    with_head,
)
from vllm_costmeter.sources.models.local import local_model

LARGEST_CONFIG_BYTES = 16 << 20
LARGEST_HEADER_BYTES = 32 << 20  # 200,000 tensors, the most that are parsed of one file
USUAL_HEADER_BYTES = 128 << 10
"""First bytes asked for where no index says how many tensors a file has: 97 % of the headers of the 1,000 most used
models are under 100 kB (huggingface_hub's hf_api.py, 2.4.0)."""
PARALLEL_REQUESTS = 16


class Client(Protocol):
    """The requests to the Hub."""

    @property
    def endpoint(self) -> str: ...

    @property
    def is_offline(self) -> bool: ...

    def listing(self, repository: str, revision: str | None) -> Listing: ...

    def read(self, repository: str, commit: str, file: str, start: int, stop: int) -> bytes: ...

    def snapshot(self, repository: str, revision: str | None) -> Path | None: ...


def hub_model(repository: str, revision: str | None = None, token: str | None = None) -> Model:
    """The model of a repository at a revision (main where None). BadInputError for what is not there, may not be read,
    or cannot be reached and was never seen; NotUnderstoodError for a repository in a format that is not known."""
    client = HubClient(token)
    return model_from_hub(repository, revision, client, HubCache(client.endpoint))


def model_from_hub(repository: str, revision: str | None, client: Client, cache: HubCache) -> Model:
    """As `hub_model`, with client and cache given."""
    commit = cache.commit_of(repository, revision, any_age=client.is_offline)
    known = cache.load(repository, commit) if commit else None
    if known is not None:
        return _as_model(repository, known)
    if client.is_offline or is_commit(revision):
        folder = client.snapshot(repository, revision)
        if folder is not None:
            return _model_in(folder, repository)
    try:
        listing = client.listing(repository, revision)
        found = cache.load(repository, listing.commit) or _fetched(repository, listing, client)
    except HubUnreachableError:
        seen = _seen_before(repository, revision, client, cache)
        if seen is None:
            raise
        return replace(seen, notes=(*seen.notes, "the Hub cannot be reached: using the last version read"))
    cache.save(repository, revision, listing.commit, found)
    return _as_model(repository, found)


def read_again(repository: str) -> None:
    """Read a repository's main revision from the Hub into the cache, whatever is cached. Raises as `hub_model`."""
    client = HubClient(None)
    listing = client.listing(repository, None)
    found = _fetched(repository, listing, client)
    HubCache(client.endpoint).save(repository, None, listing.commit, found)


def hub_config(
    repository: str, revision: str | None = None
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None] | None:
    """The config.json, and hf_quant_config.json where it has one, that `hub_model` last answered from; asks nothing.
    None where it has not."""
    client = HubClient(None)
    return config_from_hub(repository, revision, client, HubCache(client.endpoint))


def hub_files(repository: str, revision: str | None = None) -> HubModel | None:
    """All that `hub_model` last answered from; asks nothing. None where it has not."""
    client = HubClient(None)
    cache = HubCache(client.endpoint)
    commit = cache.commit_of(repository, revision, any_age=True)
    known = cache.load(repository, commit) if commit else None
    if known is not None:
        return known
    found = config_from_hub(repository, revision, client, cache)
    return None if found is None else HubModel(*found, None, is_embedder=False)


def config_from_hub(
    repository: str, revision: str | None, client: Client, cache: HubCache
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None] | None:
    """As `hub_config`, with client and cache given."""
    commit = cache.commit_of(repository, revision, any_age=True)
    known = cache.load(repository, commit) if commit else None
    if known is not None:
        return known.config, known.hf_quant_config
    folder = client.snapshot(repository, revision)
    return config_files(folder) if folder is not None else None


def _as_model(repository: str, found: HubModel) -> Model:
    return model_of(
        found.config,
        repository,
        found.contents,
        hf_quant_config=found.hf_quant_config,
        is_embedder=found.is_embedder,
    )


def _seen_before(repository: str, revision: str | None, client: Client, cache: HubCache) -> Model | None:
    """What was last read from the revision, at any age; None if there is nothing."""
    commit = cache.commit_of(repository, revision, any_age=True)
    known = cache.load(repository, commit) if commit else None
    if known is not None:
        return _as_model(repository, known)
    folder = client.snapshot(repository, revision)
    return _model_in(folder, repository) if folder is not None else None


def _model_in(folder: Path, repository: str) -> Model:
    """A snapshot in the client's own cache, which may contain all weights, some of them, or only config.json."""
    try:
        return local_model(folder, repository)
    except BadInputError:
        file = folder / BESIDE
        return local_model(file if file.is_file() else folder / PARAMS, repository)


def _fetched(repository: str, listing: Listing, client: Client) -> HubModel:
    """Requests in addition to the listing: config.json, one of index and hf_quant_config.json, one per weight file."""
    if BESIDE not in listing.files and PARAMS not in listing.files:
        raise _without_config(repository, listing)

    def read(file: str, most: int) -> bytes:
        return client.read(repository, listing.commit, file, 0, most + 1)

    def read_object(file: str) -> dict[str, Any]:
        return parse_json_object(read(file, LARGEST_CONFIG_BYTES), f"{repository}: {file}")

    config: dict[str, Any] = {} if BESIDE not in listing.files else read_object(BESIDE)
    if reads_params(listing.files):
        config = with_config(read_object(PARAMS), config, f"{repository}: {PARAMS}")
    for head in sorted(HEADS.keys() & set(listing.files)):
        config = with_head(config, head, read_object(head))
    weights = safetensors_files(listing.files)
    beside: Mapping[str, Any] | None = None
    sizes = dict.fromkeys(weights, USUAL_HEADER_BYTES)
    index = index_name(weights)
    if "hf_quant_config.json" in listing.files and config.get("quantization_config") is None:
        file = "hf_quant_config.json"
        beside = read_object(file)
    elif len(weights) > 1 and index in listing.files:
        data = read(index, LARGEST_INDEX_BYTES)
        name = f"{repository}: {index}"
        sizes = indexed_header_bytes(
            parse_json_object(data, name, LARGEST_INDEX_BYTES, MOST_INDEX_VALUES), name
        )
    missing = sorted(set(sizes) - set(weights)) or missing_shards(sizes)
    if missing or len(sizes) > MOST_FILES:
        fault = f"{missing[0]} is missing" if missing else f"{len(sizes)} weight files"
        raise BadInputError(f"{repository}: {fault}: the repository is incomplete")
    is_embedder = SENTENCE_TRANSFORMERS in listing.files
    return HubModel(config, beside, _contents(repository, listing.commit, sizes, client), is_embedder)


def _contents(
    repository: str, commit: str, sizes: Mapping[str, int], client: Client
) -> CheckpointContents | None:
    """All headers, in parallel. None if the repository has no safetensors files."""
    if not sizes:
        return None
    with ThreadPoolExecutor(min(PARALLEL_REQUESTS, len(sizes)), "costmeter-hub") as pool:
        return merged(
            pool.map(lambda file: _header(repository, commit, file, sizes[file], client), sorted(sizes))
        )


def _header(repository: str, commit: str, file: str, expected: int, client: Client) -> CheckpointContents:
    """One file's header: one request, and a second one if it is longer than expected."""
    name = f"{repository}: {file}"
    data = client.read(repository, commit, file, 0, LENGTH_BYTES + expected)
    end = LENGTH_BYTES + header_length(data, name)
    if end > LENGTH_BYTES + LARGEST_HEADER_BYTES:
        raise BadInputError(
            f"{name}: a header of {end} bytes is larger than the limit of {LARGEST_HEADER_BYTES}"
        )
    if end > len(data):
        data += client.read(repository, commit, file, len(data), end)
    if end > len(data):
        raise BadInputError(f"{name}: ends within its header")
    return parse_header(data[LENGTH_BYTES:end], name)


def _without_config(repository: str, listing: Listing) -> Exception:
    if any(file.endswith(".gguf") for file in listing.files):
        return NotUnderstoodError(
            f"{repository}: contains GGUF files: download the one you serve and check that file"
        )
    return BadInputError(f"{repository}: contains no config.json, so vLLM cannot serve it")
