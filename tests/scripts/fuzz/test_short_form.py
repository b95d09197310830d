"""Every reader of foreign input answers a few hundred mutated inputs, or refuses them in one line; and every file that
takes foreign input apart has its reader in the fuzzer's table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from scripts.fuzz.mutation import LARGEST_BYTES, mutated
from scripts.fuzz.one import run
from scripts.fuzz.reader import ROOT
from scripts.fuzz.readers import READERS

INPUTS = 250
PARSERS = {
    *(
        "json.loads",
        "json.load",
        "tomllib.loads",
        "tomllib.load",
        "yaml.compose_all",
        "csv.DictReader",
        "csv.reader",
    ),
    *("struct.unpack", "sqlite3.connect", "text_string_to_metric_families", "pickle.loads", "_decode"),
}
OURS = {
    "sources/vllm_cli/flag_table.py": "comes with the package",
    "sources/model_config/class_defaults.py": "comes with the package",
    "sources/models/served_releases.py": "comes with the package",
    "sources/models/interfaces.py": "comes with the package",
    "sources/models/packaged_configs.py": "comes with the package",
    "sources/catalogue/compiled.py": "comes with the package",
    "sources/catalogue/regions.py": "comes with the package",
    "sources/catalogue/api_prices.py": "comes with the package; a user's rows are read by sources/files/toml.py",
    "sources/catalogue/rows.py": "comes with the package; a user's rows are read by sources/files/toml.py",
    "sources/checkpoint/hub_client.py": "the Hub's listing, behind its own client; what fails is caught as a kind",
    "outputs/dashboards/grafana_api.py": "Grafana's answers to what we push; what fails is caught as a kind",
    "outputs/dashboards/grafana_json.py": "what we wrote ourselves, a line earlier",
    "outputs/dashboards/push.py": "comes with the package",
    "outputs/text/csv_rows.py": "what we wrote ourselves, a line earlier",
    "outputs/ledger/copying.py": "the server's own ledger, which it copies",
    "outputs/ledger/file.py": "the server's own ledger, which it opens to write",
    "outputs/metrics/process_exchange.py": "written by the server's own processes, in a private folder",
    "plugin/starting/boot_facts.py": "written by the server's own processes, in a private folder",
    "plugin/starting/server_settings.py": "a variable that our own start has set",
    "plugin/activation.py": "a variable that our own start has set",
    "plugin/exact/__main__.py": "a pipe between two processes of ours",
    "plugin/exact/ask.py": "a pipe between two processes of ours",
    "cli/dashboard.py": "comes with the package",
    "cli/economics/recommend_flags.py": "a flag; anything but an object is refused",
}


@pytest.mark.parametrize("name", READERS)
def test_mutated_inputs_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    found = run(READERS[name], INPUTS, 600.0, 0, tmp_path, bounds_memory=False)
    assert found.inputs >= INPUTS
    assert not found.findings, "\n".join(file.read_text() for file in tmp_path.glob("*.txt"))


@pytest.mark.parametrize("name", READERS)
def test_the_seeds_are_what_the_reader_reads(name: str, tmp_path: Path) -> None:
    """Mutations of inputs that are all refused would test the first line of the reader alone."""
    seeds = READERS[name].seeds()
    assert seeds
    assert any(_reads(name, data, tmp_path) for data in seeds)


def _reads(name: str, data: bytes, folder: Path) -> bool:
    try:
        READERS[name].read(data, folder)
    except ValueError:
        return False
    return True


def test_the_same_seed_gives_the_same_inputs() -> None:
    others = [b'{"a": [1, 2]}', b"x=1\ny=2\n"]
    one, two = (
        [mutated(others[0], others, random) for _ in range(200)]
        for random in (Random("seed"), Random("seed"))
    )
    assert one == two
    assert len(set(one)) > 100
    assert max(map(len, one)) <= LARGEST_BYTES


def test_every_file_that_parses_has_a_reader() -> None:
    """A new reader is a row in scripts/fuzz/readers; a file with none is named here."""
    parses = {each.removeprefix(f"{ROOT}/vllm_costmeter/") for each in map(str, _parsing())}
    fuzzed = {file for reader in READERS.values() for file in reader.parses}
    assert sorted(parses - fuzzed - OURS.keys()) == []
    assert sorted(OURS.keys() - parses) == [], "no longer parses anything"
    assert all((ROOT / "vllm_costmeter" / file).exists() for file in fuzzed)


def _parsing() -> Iterator[Path]:
    for path in sorted((ROOT / "vllm_costmeter").rglob("*.py")):
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(ast.unparse(call) in PARSERS for call in calls if isinstance(call, ast.Name | ast.Attribute)):
            yield path
