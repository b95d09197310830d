"""A starting server names the flags that its check does not model."""

from __future__ import annotations

import dataclasses
from typing import Any

from vllm_costmeter.core.release import release_of
from vllm_costmeter.plugin.starting import preflight
from vllm_costmeter.sources.serve_args.given import unmodelled_note
from vllm_costmeter.sources.serve_args.read import read_command


@dataclasses.dataclass
class DefaultedArgs:
    """EngineArgs as far as flags without a model go."""

    enable_sleep_mode: bool = False
    swa_bounded_replay: bool = True
    additional_config: dict[str, Any] = dataclasses.field(default_factory=dict)


def test_flags_whose_memory_is_not_modelled_are_named_as_a_check_names_them() -> None:
    """By name, without the plugin's own settings."""
    given = DefaultedArgs(swa_bounded_replay=False, additional_config={"costmeter": {"gpu": "H100 SXM"}})
    asked = read_command(["MODEL", "--no-swa-bounded-replay"], release_of("0.33.0")).flags
    said = tuple(unmodelled_note(asked.cudagraph_mode, flag) for flag in asked.unmodelled)
    assert preflight._unmodelled_notes(given, None) == said
    assert said == ("--swa-bounded-replay may change GPU memory; its effect is not modelled",)
