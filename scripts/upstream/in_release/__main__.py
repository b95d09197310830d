"""The `vllm serve` parser of the vLLM on the path, built by vLLM's own code. `release_sources.py` runs this.

    python in_release describe               one JSON object: every flag of the parser and its values
    python in_release parse < COMMANDS       one line per command: the parser's result

`--stand-in MODULE` replaces a module missing on this machine; no flag may depend on one. `--argparse FILE`
uses the argparse module of another Python, which decides how words are split into flags and values. The
platform is CUDA, as some choices depend on it.
"""

from __future__ import annotations

import argparse as installed_argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn


class _Nothing:
    """Any attribute of a missing module while vLLM's modules are imported."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Nothing()


class _StandIn(types.ModuleType):
    __version__ = "999"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {}) if name[:1].isupper() else _Nothing()


class _MissingModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Last in the search order, so that an installed module is never replaced."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        inside = any(name == root or name.startswith(f"{root}.") for root in self._names)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if inside else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None: ...


class RefusedError(Exception):
    """The error that argparse would print before it exits."""


def use_argparse(file: Path) -> None:
    """Make every later import of argparse load this file."""
    spec = importlib.util.spec_from_file_location("argparse", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file}: not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["argparse"] = module
    spec.loader.exec_module(module)


def serve_parser() -> tuple[Any, Any]:
    """vLLM's top-level parser with `serve` as its only command, and the parser of that command.

    Built as in `vllm/entrypoints/cli/main.py` and its `serve.py`.
    """
    sys.argv = ["vllm", "--help=texts"]  # vLLM reads help texts only if this requests them
    import vllm.platforms
    from vllm.platforms.cuda import NonNvmlCudaPlatform

    vllm.platforms._current_platform = NonNvmlCudaPlatform()
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):  # type: ignore[misc, valid-type]
        def error(self, message: str) -> NoReturn:
            raise RefusedError(message.partition("\n\nHint:")[0])

        def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
            raise RefusedError(message or "help")

        def print_help(self, file: Any = None) -> None: ...

    package = Path(vllm.__file__).parent
    file = next((package / "entrypoints").rglob("cli_args.py"))
    module = importlib.import_module(".".join(("vllm", *file.relative_to(package).with_suffix("").parts)))
    importlib.import_module("vllm.engine.arg_utils").load_general_plugins = lambda: None
    parser = Parser(description="vLLM CLI")
    parser.add_argument("-v", "--version", action="version", version="vllm")
    commands = parser.add_subparsers(required=False, dest="subparser")
    serve = module.make_arg_parser(commands.add_parser("serve", usage="vllm serve [model_tag] [options]"))
    sys.argv = ["vllm"]
    return parser, serve


def main(words: Sequence[str]) -> None:
    options = installed_argparse.ArgumentParser(description=__doc__)
    options.add_argument("task", choices=("describe", "parse"))
    options.add_argument("--stand-in", action="append", default=[], metavar="MODULE")
    options.add_argument("--argparse", type=Path, metavar="FILE")
    given = options.parse_args(words)
    if given.argparse:
        use_argparse(given.argparse)
    sys.meta_path.append(_MissingModules(given.stand_in))
    answers, sys.stdout = sys.stdout, sys.stderr  # keeps vLLM's own log lines out of the results
    parser, serve = serve_parser()
    if given.task == "describe":
        from described import described

        print(json.dumps(described(serve)), file=answers)
        return
    from parsed import Answers

    ask = Answers(parser, serve, RefusedError)
    for line in sys.stdin:
        print(json.dumps(ask(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
