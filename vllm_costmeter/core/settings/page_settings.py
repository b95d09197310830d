"""Settings of the live page."""

from __future__ import annotations

from typing import Literal, cast, get_args

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.core.settings.setting import Setting

PageMode = Literal["on", "off"]


def page_mode(raw: object) -> PageMode:
    """YAML and TOML writers turn a bare `on` or `off` into true or false."""
    folded = {True: "on", False: "off"}.get(raw) if isinstance(raw, bool) else str(raw).strip().lower()
    if folded not in get_args(PageMode):
        raise ValueError(f"on or off{nearest(str(folded), get_args(PageMode), 1)}")
    return cast(PageMode, folded)


PAGE_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "page",
        "MODE",
        page_mode,
        "The live page at /costmeter and its data: on (default) or off, which removes every route of ours "
        "(/costmeter, /costmeter/data, /costmeter/requests/ID).",
    ),
)
