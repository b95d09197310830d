"""A tenant's name as it is kept and as it is shown. Names come from clients: they are hostile input."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

LONGEST_NAME = 64
"""Characters of a name that are kept; what distinguishes longer ones is in a digest at their end."""
LONGEST_RAW_NAME = 8192
"""A longer one is cut before anything else is done with it."""
UNTAGGED = "untagged"
"""Requests that name no tenant."""
OTHER = "other"
"""Tenants beyond the limit."""
RESERVED = (UNTAGGED, OTHER)
KEY_PREFIX = "key:"
"""Begins the name of a tenant known by its API key, and of no other."""
HASH_PREFIX = "t:"
DIGEST_CHARACTERS = 12
_OF_KEY = re.compile(f"{KEY_PREFIX}[0-9a-f]{{1,64}}")
_PLAIN = re.compile(r"[A-Za-z0-9_.@/+-]*")
"""Most names: nothing of them changes."""


def normalised(raw: str) -> str:
    """The name under which a tenant is kept: printable, in Unicode's composed form, with single spaces, at most
    `LONGEST_NAME` characters; empty if nothing is left. No name can pass for the key of another tenant, for its
    digest, or for a line of the report that is no tenant's, such as `(idle)`."""
    if len(raw) <= LONGEST_NAME and _PLAIN.fullmatch(raw):
        return raw
    cut = unicodedata.normalize("NFC", raw[:LONGEST_RAW_NAME])
    shown = "".join(character if character.isprintable() else " " for character in cut)
    name = " ".join(shown.split())
    if name.startswith((KEY_PREFIX, HASH_PREFIX)):
        name = name.replace(":", "_", 1)
    if name.startswith("(") and name.endswith(")"):
        name = f"_{name[1:]}"
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    return f"{name[: LONGEST_NAME - DIGEST_CHARACTERS - 1]}~{digest}"


def typed(text: str) -> str:
    """The name of a tenant as an operator types it: a key's, as reports show it, or what clients send; empty if it
    names nobody."""
    return text if _OF_KEY.fullmatch(text) else normalised(text)


def of_key(api_key: str, secret: bytes) -> str:
    """The name of the tenant with this API key: an HMAC-SHA256 (RFC 2104) of it, from which the key cannot be found
    again without the secret."""
    return f"{KEY_PREFIX}{_digest(api_key, secret)}"


def hashed(name: str, secret: bytes) -> str:
    """What is shown of a name to anybody who reaches a port. The reserved names and digests stay."""
    if name in RESERVED or name.startswith(KEY_PREFIX):
        return name
    return f"{HASH_PREFIX}{_digest(name, secret)}"


def _digest(text: str, secret: bytes) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    return hmac.new(secret, raw, hashlib.sha256).hexdigest()[:DIGEST_CHARACTERS]
