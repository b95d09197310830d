"""vLLM's API keys, for routes of ours: its own check covers only the paths of its API (`/v1` and others).

As in `AuthenticationMiddleware` (0.17 to 0.33): the keys of `--api-key`, or else of VLLM_API_KEY;
`Authorization: Bearer KEY`; digests compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any


def api_keys(args: Any, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Those of a server with these arguments; none if it has none."""
    given = getattr(args, "api_key", None) or environ.get("VLLM_API_KEY")
    keys = [given] if isinstance(given, str) else given or ()
    return tuple(str(key) for key in keys if key)


def may_pass(keys: tuple[str, ...], authorization: str) -> bool:
    """Whether a request with this header may be answered: with one of the keys, or where there are none."""
    if not keys:
        return True
    scheme, _, key = authorization.partition(" ")
    given, passes = _digest(key), False
    for each in keys:
        passes |= hmac.compare_digest(given, _digest(each))
    return passes and scheme.lower() == "bearer"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
