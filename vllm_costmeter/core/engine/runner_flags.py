"""Flags that vLLM's second model runner does not support yet: a start with one of them has the first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from vllm_costmeter.core.release import Version

_NEWER: Version = (0, 22, 0)

FIRST_RUNNER_FLAGS: Mapping[str, tuple[Version, Version]] = {
    "reasoning_parser": (_NEWER, (0, 23, 0)),
    "reasoning_config": (_NEWER, (0, 23, 0)),
    "logprobs_mode": (_NEWER, (0, 26, 0)),
    "ec_transfer_config": (_NEWER, (0, 28, 0)),
    "enable_return_routed_experts": (_NEWER, (0, 28, 0)),
    "enable_prompt_embeds": (_NEWER, (0, 29, 0)),
    "enable_dbo": (_NEWER, (0, 30, 0)),
    "kv_sharing_fast_prefill": (_NEWER, (0, 30, 0)),
    "logits_processors": (_NEWER, (0, 31, 0)),
    "enable_elastic_ep": ((0, 24, 0), (0, 32, 0)),
}
"""By flag, the first release whose second runner lacks it, and the first whose does not
(`_get_v2_model_runner_unsupported_features` of vllm/config/vllm.py, 0.22 to 0.33; --reasoning-parser makes a
`reasoning_config`, `_set_default_reasoning_config_args` of arg_utils.py). From 0.30 on --enable-dbo depends on the
model and on other flags, which is not modelled."""
_LOGITS = ("raw_logits", "processed_logits")


def first_runner_flags(value_of: Callable[[str], object]) -> tuple[str, ...]:
    """Those of `FIRST_RUNNER_FLAGS` that are on; `value_of`: of a field of EngineArgs, None if not given."""
    values = {name: value_of(name) for name in FIRST_RUNNER_FLAGS}
    return tuple(
        name
        for name, value in values.items()
        if (value in _LOGITS if name == "logprobs_mode" else value not in (None, False, "", [], ()))
    )


def first_runner_flag(given: Collection[str], release: Version) -> str | None:
    """The first of the flags given that this release's second runner lacks."""
    for name, (since, before) in FIRST_RUNNER_FLAGS.items():
        if name in given and since <= release < before:
            return f"--{name.replace('_', '-')}"
    return None
