"""The Hub through `huggingface_hub`: listings, small files, first bytes of large ones. The only file that imports it.

Tokens, endpoints (HF_ENDPOINT) and offline mode (HF_HUB_OFFLINE) are that library's own. No error repeats messages of
the server or the library, which might contain a token.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlsplit

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import OTHERWISE, BadInputError

INSTALL_HINT = "reading the Hub needs huggingface_hub: pip install 'vllm-costmeter[hub]'"
TIMEOUT_SECONDS = 10.0
USER_AGENT = "vllm-costmeter"
LARGEST_LISTING_BYTES = 16 << 20
PARTIAL_CONTENT = 206


class HubUnreachableError(BadInputError):
    """No response from the Hub: a cached version may be used."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    commit: str
    files: tuple[str, ...]


class HubClient:
    """Requests to one endpoint with one token (the user's own if None)."""

    def __init__(self, token: str | None = None) -> None:
        """Raises BadInputError with what to install if the library is missing."""
        self._library = _library()
        self._token = token

    @property
    def endpoint(self) -> str:
        """The endpoint without credentials, for keys and messages."""
        parts = urlsplit(str(self._library.constants.ENDPOINT))
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"

    @property
    def is_offline(self) -> bool:
        return bool(self._library.constants.HF_HUB_OFFLINE)

    def listing(self, repository: str, revision: str | None) -> Listing:
        """One request. Raises BadInputError for a repository or revision that does not exist or is not accessible."""
        path = f"api/models/{repository}"
        if revision is not None:
            path += f"/revision/{quote(revision, safe='')}"
        with self._faults(repository, revision):
            self._library.utils.validate_repo_id(repository)
            found = json.loads(self._get(path, LARGEST_LISTING_BYTES, {}))
            files = tuple(str(each["rfilename"]) for each in found["siblings"])
            return Listing(str(found["sha"]), files)

    def read(self, repository: str, commit: str, file: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop) of a file, fewer if it is shorter. One request, and no more than that is read."""
        with self._faults(repository, commit):
            path = f"{repository}/resolve/{commit}/{quote(file)}"
            headers = {"range": f"bytes={start}-{stop - 1}", "accept-encoding": "identity"}
            return self._get(path, stop - start, headers, skipped=start)

    def _get(self, path: str, most: int, headers: Mapping[str, str], skipped: int = 0) -> bytes:
        """The first `most` bytes of the response; without range support, those after `skipped`."""
        library = self._library
        found = bytearray()
        with library.utils.get_session().stream(
            "GET",
            f"{library.constants.ENDPOINT}/{path}",
            headers={"user-agent": USER_AGENT, **self._authorization(), **headers},
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
        ) as response:
            library.utils.hf_raise_for_status(response)
            begin = 0 if response.status_code == PARTIAL_CONTENT else skipped
            for chunk in response.iter_bytes():
                found += chunk
                if len(found) >= begin + most:
                    break
        return bytes(found[begin : begin + most])

    def _authorization(self) -> dict[str, str]:
        """The given token, otherwise the user's own (HF_TOKEN, or a login), unless sending it implicitly is
        disabled."""
        implicit = not self._library.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN
        token = self._token or (self._library.get_token() if implicit else None)
        return {"authorization": f"Bearer {token}"} if token else {}

    def snapshot(self, repository: str, revision: str | None) -> Path | None:
        """The folder of this revision in the library's own cache; None if it is not there."""
        config = cached_file(repository, "config.json", revision)
        return config.parent if config is not None else None

    @contextmanager
    def _faults(self, repository: str, revision: str | None) -> Iterator[None]:
        """The library's errors as one line each, without their text."""
        errors = self._library.errors
        transport = _transport(self._library)
        try:
            yield
        except errors.GatedRepoError:
            raise BadInputError(
                f"{repository}: is gated: accept its terms on the Hub, and set HF_TOKEN to a token that may read it"
            ) from None
        except errors.RevisionNotFoundError:
            raise BadInputError(
                f"{repository}: has no revision {revision or 'main'!r} on {self.endpoint}"
            ) from None
        except errors.RepositoryNotFoundError:
            raise BadInputError(
                f"{repository}: no such local folder, and no such model on {self.endpoint} that this token may read: "
                "check its name, or set HF_TOKEN if it is private"
            ) from None
        except errors.HFValidationError:
            raise BadInputError(f"{repository}: is neither a local path nor a Hub id") from None
        except errors.OfflineModeIsEnabled:
            raise HubUnreachableError(_unreachable(repository, self.endpoint, "offline mode")) from None
        except errors.HfHubHTTPError as error:
            status = getattr(error.response, "status_code", None)
            if status in (401, 403):
                why = f"{self.endpoint} refuses to show it ({status})"
                raise BadInputError(
                    f"{repository}: {why}: set HF_TOKEN to a token that may read it"
                ) from None
            raise HubUnreachableError(_unreachable(repository, self.endpoint, f"answer {status}")) from None
        except (transport.HTTPError, transport.InvalidURL, OSError, *OTHERWISE) as error:
            raise HubUnreachableError(_unreachable(repository, self.endpoint, type(error).__name__)) from None


def cached_file(repository: str, file: str, revision: str | None) -> Path | None:
    """A file in the library's own cache, which vLLM fills; None if it is not there, or `repository` is a path."""
    library = _library()
    try:
        found = library.try_to_load_from_cache(repository, file, revision=revision)
    except library.errors.HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def _unreachable(repository: str, endpoint: str, why: str) -> str:
    return (
        f"{repository}: no such local folder, and the Hub at {endpoint} cannot be reached ({why}): "
        "check a local copy, such as `costmeter check ./config.json`"
    )


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise BadInputError(INSTALL_HINT) from None
    return huggingface_hub


def _transport(library: Any) -> ModuleType:
    """The HTTP library beneath: httpx, or what later releases put in its place, with the same errors."""
    client = next(each for each in type(library.utils.get_session()).__mro__ if each.__name__ == "Client")
    return sys.modules[client.__module__.partition(".")[0]]
