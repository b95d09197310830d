"""How a request ended."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["finished", "aborted", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("finished", "aborted", "failed")
"""finished: by a stop condition or its length. aborted: by the client or a shutdown. failed: an error of the engine."""
