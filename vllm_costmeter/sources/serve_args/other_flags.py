"""Flags that are not vLLM's own in one release: the plugin's, and those of other releases."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.release import Release
from vllm_costmeter.sources.serve_args.plugin_flags import PLUGIN_FLAGS
from vllm_costmeter.sources.vllm_cli.flag_table import Flag, ReleaseFlags, flag_from
from vllm_costmeter.sources.vllm_cli.old_flags import OLD_FLAGS, OLD_SWITCHES
from vllm_costmeter.sources.vllm_cli.other_releases import flag_elsewhere
from vllm_costmeter.sources.vllm_cli.refusal import UnknownWordsError, absence


@dataclass(frozen=True, slots=True)
class OtherFlags:
    """What the unknown flags of one command line are."""

    flags: tuple[Flag, ...]
    """How their values are read."""
    absent: tuple[str, ...] = ()
    """For each flag that the release refuses, one line with the release that dropped or brought it."""
    unmodelled: tuple[str, ...] = ()
    """Flags of a release older than the table, which may have them."""


def other_flags(error: UnknownWordsError, release: Release) -> OtherFlags | None:
    """What the unknown words are; None if one of them is no flag of the plugin or of any release."""
    found: dict[str, Flag] = {}
    absent: list[str] = []
    unmodelled: list[str] = []
    for name in error.names:
        plugin = [flag for flag in PLUGIN_FLAGS if flag.name.startswith(name)]
        line = None if plugin else absence(error.flags, name)
        if plugin:
            found |= {flag.name: flag for flag in PLUGIN_FLAGS}
        elif line is None:
            return None
        else:
            found[name] = _elsewhere(error.flags, name)
            is_older = release.number < error.flags.numbers
            if is_older and name in OLD_FLAGS:
                unmodelled.append(name)
            else:
                absent.append(line)
    return OtherFlags(tuple(found.values()), tuple(absent), tuple(unmodelled)) if found else None


def _elsewhere(flags: ReleaseFlags, name: str) -> Flag:
    """The flag under this name alone: its other names may be another flag's in this release."""
    flag = flag_elsewhere(flags, name)
    if flag is not None:
        return replace(flag, names=(name,), off=flag.off & {name})
    return flag_from({"names": name, "action": "true"} if name in OLD_SWITCHES else {"names": name})
