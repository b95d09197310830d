"""One row of the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.dataclass import dataclass

Convert = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: `key` is the field of `Settings`, the TOML key and (upper case) the environment variable."""

    key: str
    metavar: str
    convert: Convert
    help: str
    fixed_flag: str | None = None

    @property
    def flag(self) -> str:
        return self.fixed_flag or f"--costmeter-{self.key.replace('_', '-')}"

    @property
    def environment_variable(self) -> str:
        return f"COSTMETER_{self.key.upper()}"
