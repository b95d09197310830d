"""Certificates and secrets of `costmeter exporter`, in both directions."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from vllm_costmeter.cli.exporter.flags import ExporterFlags
from vllm_costmeter.core.errors import BadInputError, nearest, unreadable
from vllm_costmeter.sources.targets.credentials import Secret, SecretFile

TOKENS = TARGET_TOKEN, OWN_TOKEN = "COSTMETER_TARGET_TOKEN", "COSTMETER_EXPORTER_TOKEN"


def towards_targets(flags: ExporterFlags, environ: Mapping[str, str]) -> Callable[[], str | None]:
    """The value of the Authorization header for targets; None: none is sent."""
    found = _secrets(
        environ,
        TARGET_TOKEN,
        ("--target-token-file", flags.target_token_file),
        ("--target-basic-auth-file", flags.target_basic_auth_file),
    )
    if len(found) > 1:
        raise BadInputError("targets get a token or USER:PASSWORD, not both")
    return found[0].header if found else lambda: None


def asked_of_clients(flags: ExporterFlags, environ: Mapping[str, str]) -> Callable[[], tuple[str, ...]]:
    """The accepted values of the Authorization header; none: the page is open."""
    found = _secrets(
        environ, OWN_TOKEN, ("--token-file", flags.token_file), ("--basic-auth-file", flags.basic_auth_file)
    )
    return lambda: tuple(secret.header() for secret in found)


def targets_tls(flags: ExporterFlags) -> ssl.SSLContext | None:
    """What https targets are checked against; None: the system's certificates."""
    file = flags.target_ca_file
    return None if file is None else _loaded(file, lambda: ssl.create_default_context(cafile=str(file)))


def own_tls(flags: ExporterFlags) -> ssl.SSLContext | None:
    """For https; None: http."""
    cert, key = flags.tls_cert, flags.tls_key
    if cert is None or key is None:
        if cert is not key:
            raise BadInputError("--tls-cert and --tls-key go together: a certificate and its key")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _loaded(cert, lambda: context.load_cert_chain(cert, key, password=lambda: ""))
    return context


def _loaded(file: Path, load: Callable[[], ssl.SSLContext | None]) -> ssl.SSLContext | None:
    try:
        return load()
    except ssl.SSLError as why:
        raise BadInputError(
            f"{file}: no certificate in PEM form, or not the one of its key: {why.reason or why}"
        ) from None
    except OSError as why:
        raise unreadable(why.filename or file, why) from None


def _secrets(
    environ: Mapping[str, str], variable: str, token: tuple[str, Path | None], pair: tuple[str, Path | None]
) -> list[Secret | SecretFile]:
    for misspelt in environ:
        if misspelt.startswith("COSTMETER_") and misspelt not in TOKENS and nearest(misspelt, TOKENS, 1, 0.9):
            raise BadInputError(f"{misspelt} is not a setting{nearest(misspelt, TOKENS, 1)}")
    found: list[Secret | SecretFile] = []
    if token[1] is not None:
        found.append(SecretFile(token[1], token[0]))
    elif environ.get(variable, "").strip():
        found.append(Secret(environ[variable], variable))
    if pair[1] is not None:
        found.append(SecretFile(pair[1], pair[0], pair=True))
    return found
