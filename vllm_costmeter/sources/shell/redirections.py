"""Redirections of the syntax tree: their target, and the words of the command that the grammar counts to them."""

from __future__ import annotations

from vllm_costmeter.sources.shell.syntax import Syntax

_WRITES = (">", ">>", ">|", "&>", "&>>")


def words_behind(redirect: Syntax) -> list[Syntax]:
    """The grammar takes every word behind a redirection into it; the first alone is its target."""
    if redirect.kind == "heredoc_redirect":
        files = [each for each in redirect.children if each.kind == "file_redirect"]
        own = [each for each in redirect.children if each.field == "argument"]
        return own + [word for each in files for word in words_behind(each)]
    return redirect.under("destination")[1:] if redirect.kind == "file_redirect" else []


def target_of(redirect: Syntax) -> tuple[Syntax, bool] | None:
    """The file that standard output goes to, and whether it is appended to."""
    if redirect.kind == "heredoc_redirect":
        return next((found for each in redirect.children if (found := target_of(each))), None)
    destinations = redirect.under("destination")
    signs = [each.kind for each in redirect.children]
    if redirect.kind != "file_redirect" or not destinations or "file_descriptor" in signs:
        return None
    sign = next((each for each in signs if each in _WRITES), None)
    return None if sign is None else (destinations[0], sign.endswith(">>"))
