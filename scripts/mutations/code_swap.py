"""Puts a fault into functions that are loaded already, so that nothing needs to be imported again."""

from __future__ import annotations

import functools
import gc
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

from scripts.mutations.operators import mutated

Key = tuple[str, str, int]
Loaded = dict[Key, list[FunctionType]]


def loaded_functions(folder: Path) -> Loaded:
    """Every living function that was written in a file of the folder, lambdas and methods too."""
    found: Loaded = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(f"{folder}/"):
            found[_key(each.__code__)].append(each)
    return found


def swap(loaded: Loaded, path: Path, number: int) -> int:
    """How many functions now have the fault. 0: it is in none of them, but in what runs when the module is imported.

    What functions have remembered (`functools.cache`) is forgotten.
    """
    source = path.read_text("utf-8")
    old = list(_nested(compile(source, str(path), "exec", dont_inherit=True)))
    new = list(_nested(compile(mutated(source, number), str(path), "exec", dont_inherit=True)))
    if [_key(each) for each in old] != [_key(each) for each in new]:
        return 0
    swapped = 0
    for before, after in zip(old, new, strict=True):
        for function in loaded.get(_key(before), ()) if before != after else ():
            function.__code__ = after
            swapped += 1
    for each in gc.get_objects() if swapped else ():
        if isinstance(each, functools._lru_cache_wrapper):
            each.cache_clear()
    return swapped


def _nested(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _nested(each)


def _key(code: CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno
