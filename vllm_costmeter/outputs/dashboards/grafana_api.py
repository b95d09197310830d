"""The part of Grafana's HTTP API that dashboards need: one request, one value or one clear error."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import OTHERWISE, BadInputError

TIMEOUT_SECONDS = 30


class NotFoundError(Exception):
    """Grafana answered 404: no such object."""


class PreconditionFailedError(Exception):
    """Grafana answered 412: somebody else saved in between, or the name is taken. The message says which."""


class _StayWhereYouAre(urllib.request.HTTPRedirectHandler):
    """Follows no redirects: they would send the token to another address and turn a POST into a GET."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True, repr=False)
class GrafanaApi:
    """A Grafana at a URL, accessed with a service account token. No message and no repr contains the token."""

    url: str
    token: str

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise BadInputError(f"--url must be an address such as http://localhost:3000, got {self.url!r}")
        if not self.token or not self.token.isascii() or any(letter.isspace() for letter in self.token):
            raise BadInputError("--token must be a Grafana service account token, without spaces")

    def get(self, path: str) -> dict[str, Any]:
        """The response to GET /api`path`. Raises NotFoundError, or BadInputError for what the user can fix."""
        try:
            return self._ask("GET", path, None)
        except PreconditionFailedError as error:
            raise BadInputError(f"Grafana at {self.url} answered a GET request with 412: {error}") from None

    def post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        """The response to POST /api`path`. Raises PreconditionFailedError or BadInputError."""
        try:
            return self._ask("POST", path, body)
        except NotFoundError as error:
            raise BadInputError(f"there is no Grafana API at {self.url} (404): {error}") from None

    def _ask(self, method: str, path: str, body: dict[str, object] | None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        address = f"{self.url.rstrip('/')}/api{path}"
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        opener = urllib.request.build_opener(_StayWhereYouAre)
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise BadInputError(f"no Grafana reachable at {self.url}: {reason}") from None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise BadInputError(f"{self.url} is not a Grafana API: {address} did not return a JSON object")
        return said

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        said = _message(error)
        match error.code:
            case 401:
                return BadInputError(f"Grafana at {self.url} does not accept the token (401): {said}")
            case 403:
                return BadInputError(
                    f"the token lacks permission in Grafana at {self.url} (403): {said}; it needs the role Editor"
                )
            case 404:
                return NotFoundError(said)
            case 412:
                return PreconditionFailedError(said)
            case 301 | 302 | 303 | 307 | 308:
                return BadInputError(
                    f"{self.url} redirects to {error.headers.get('Location')}: use that address as --url"
                )
            case _:
                return BadInputError(f"Grafana at {self.url} answered {error.code}: {said}")


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _message(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read())["message"]
    except (OSError, *OTHERWISE):
        return str(error.reason)
    return str(said)
