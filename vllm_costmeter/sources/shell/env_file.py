"""Files of `NAME=value` lines: `docker run --env-file`, Compose's `.env` and `env_file`, systemd's EnvironmentFile."""

from __future__ import annotations

import re

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=(.*)", re.DOTALL)


def env_file_values(text: str, *, has_quotes: bool = False) -> dict[str, str]:
    """The variables. `has_quotes`: as Compose reads them, with quotes and comments behind values; Docker's own
    `--env-file` takes every letter behind the "=" as it stands."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is not None and not line.lstrip().startswith("#"):
            value = match[2].strip() if has_quotes else match[2]
            found[match[1]] = _unquoted(value) if has_quotes else value
    return found


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"'):
        end = value.find(value[0], 1)
        inner = value[1:end] if end > 0 else value[1:]
        return inner.replace("\\n", "\n").replace('\\"', '"') if value[0] == '"' else inner
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
