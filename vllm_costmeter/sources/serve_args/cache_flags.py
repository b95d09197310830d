"""Flags of the KV cache that a release of vLLM does not have, or whose value it does not accept."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.release import Release

MODELLED = ("kv_cache_dtype", "mamba_cache_dtype", "mamba_ssm_cache_dtype", "block_size")
"""Fields of EngineArgs that vLLM's parser restricts to choices."""


def cache_flags_of(engine_args: EngineArgs) -> dict[str, object]:
    """The modelled flags of the cache that differ from vLLM's default, by name."""
    default = EngineArgs()
    given = {name: getattr(engine_args, name) for name in MODELLED}
    return {
        f"--{name.replace('_', '-')}": value
        for name, value in given.items()
        if value != getattr(default, name)
    }


def check_cache_flags(given: Mapping[str, object], release: Release) -> None:
    """BadInputError for the first flag, or value, that vLLM's parser of this release refuses.

    Releases older than the recorded ones (before 0.16) are not checked.
    """
    if not given:
        return
    from vllm_costmeter.sources.vllm_cli.flag_table import flag_table, numbers

    table = flag_table()
    if release.number < numbers(table.releases[0]):
        return
    flags = table.at(release.number)
    for name, value in given.items():
        flag = flags.by_name.get(name)
        if flag is None:
            dropped, brought = flags.dropped_by(name), flags.brought_by(name)
            since = f"dropped by vLLM {dropped}" if dropped else f"new in vLLM {brought}"
            raise BadInputError(f"{name}: {since}, {release} refuses it")
        if flag.choices is not None and str(value) not in map(str, flag.choices):
            allowed = [str(choice) for choice in flag.choices]
            raise BadInputError(
                f"{name} {value!s:.40} is not known to vLLM {release}: give one of {', '.join(allowed)}"
                f"{_other_releases(name, str(value), release) or nearest(str(value), allowed)}"
            )


def _other_releases(name: str, value: str, release: Release) -> str:
    """ "; new in vLLM 0.20.0" or "; vLLM 0.31.0 was the last to know it"; empty if no recorded release knows it."""
    from vllm_costmeter.sources.vllm_cli.flag_table import flag_table, numbers

    table = flag_table()
    knowing = []
    for each in table.releases:
        flag = table.at(numbers(each)).by_name.get(name)
        if flag is not None and flag.choices is not None and value in map(str, flag.choices):
            knowing.append(each)
    if not knowing:
        return ""
    if numbers(knowing[0]) > release.number:
        return f"; new in vLLM {knowing[0]}"
    return f"; vLLM {knowing[-1]} was the last to know it"
