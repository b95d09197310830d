"""Command lines of a server, and what is typed in a flag."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from scripts.fuzz.reader import ROOT, Reader, text_of, written
from vllm_costmeter.core.budgets.budget import amount_usd, period_name
from vllm_costmeter.core.budgets.periods import zone
from vllm_costmeter.core.budgets.tenant import tenant_name
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import release_of
from vllm_costmeter.core.tenants.names import typed
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.catalogue.regions import find_region
from vllm_costmeter.sources.purchase_plans.text import parse_plan
from vllm_costmeter.sources.serve_args.config_file import ConfigFile
from vllm_costmeter.sources.serve_args.read import read_command
from vllm_costmeter.sources.servers.targets import page_address
from vllm_costmeter.sources.targets.target import target_url

NEWEST = release_of("0.33.0")
TYPED = (
    parse_gpu,
    find_region,
    parse_plan,
    release_of,
    amount_usd,
    period_name,
    zone,
    tenant_name,
    typed,
    page_address,
    target_url,
)


def _words(data: bytes, folder: Path) -> None:
    try:
        words = shlex.split(text_of(data).replace("\0", ""))
    except ValueError:
        words = text_of(data).split()
    config = ConfigFile(words[1:])
    read_command(words[1:], NEWEST, read_config=config.read, is_module=bool(words) and words[0] != "serve")


def _config_file(data: bytes, folder: Path) -> None:
    path = str(written(folder, "serve.yaml", data))
    config = ConfigFile(["--config", path])
    try:
        read_command(["--config", path], NEWEST, read_config=config.read)
    except BadInputError as error:
        raise config.located(error) from None
    config.passed_over(NEWEST, is_module=False)


def _typed(data: bytes, folder: Path) -> None:
    text = text_of(data)
    for read in TYPED:
        with suppress(BadInputError):
            read(text)


def _lines() -> list[bytes]:
    text = (ROOT / "tests/data/vllm_cli/by_hand.txt").read_bytes()
    return [line for line in text.splitlines() if line and not line.startswith(b"#")]


def _texts() -> list[bytes]:
    return (ROOT / "scripts/fuzz/seeds/typed.txt").read_bytes().splitlines()


COMMANDS = (
    Reader(
        "serve-flags",
        "words behind `vllm serve`",
        _words,
        built=_lines,
        parses=("sources/vllm_cli/values.py", "sources/vllm_cli/spelling.py"),
    ),
    Reader(
        "serve-config",
        "the file of `vllm serve --config`",
        _config_file,
        ("tests/data/vllm_cli/*.yaml",),
        parses=("sources/serve_args/config_file.py",),
    ),
    Reader(
        "typed",
        "GPUs, plans, releases, amounts, regions, addresses and tenants as typed",
        _typed,
        ("tests/data/gpu_names.txt",),
        _texts,
    ),
)
