"""What is installed is pinned and hashed, what is shipped is licensed, and two builds are the same bytes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from scripts.supply.dependencies import ROOT, canonical, declared
from scripts.supply.licences import licence, page

LOCK = ROOT / "dev.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def pins() -> dict[str, list[tuple[str, str]]]:
    """Canonical name -> (version, the rest of its entry); several where Python or the platform decides."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, version, rest in PIN.findall(LOCK.read_text()):
        found.setdefault(canonical(name), []).append((version, rest))
    return found


def test_every_entry_of_the_lock_has_hashes_and_no_host() -> None:
    found = pins()
    assert len(found) > 50
    assert [
        name for name, entries in found.items() if not all("--hash=sha256:" in rest for _, rest in entries)
    ] == []
    assert "://" not in LOCK.read_text()


@pytest.mark.parametrize("extra", ["", "dev", "release", "fuzz"])
def test_what_pyproject_asks_for_is_locked_at_a_version_that_it_allows(extra: str) -> None:
    """`make lock` was run since pyproject.toml changed."""
    found = pins()
    for requirement in declared()[extra]:
        versions = [Version(version) for version, _ in found[canonical(requirement.name)]]
        assert any(requirement.specifier.contains(version) for version in versions), requirement


def test_every_minimum_is_stated() -> None:
    """Without one the lowest version could not be tested."""
    for extra, requirements in declared().items():
        for requirement in requirements:
            assert any(each.operator in (">=", "==") for each in requirement.specifier), (
                f"{extra}: {requirement}"
            )


def test_the_page_of_licences_lists_every_package_at_run_time() -> None:
    """Names alone: versions differ from one environment to the next."""
    text = (ROOT / "docs" / "licences.md").read_text()
    for extra in ("", "deploy", "top"):
        for requirement in declared()[extra]:
            assert f"| {canonical(requirement.name)} |" in text


def test_a_licence_is_an_expression_a_classifier_or_a_line(tmp_path: Path) -> None:
    from importlib.metadata import PathDistribution

    for said, shown in (
        ("License-Expression: MIT", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("License: Apache 2\n", "Apache 2"),
        ("Summary: x", "not stated"),
    ):
        (tmp_path / "METADATA").write_text(f"Metadata-Version: 2.4\nName: a\nVersion: 1\n{said}\n")
        assert licence(PathDistribution(tmp_path)) == shown


@pytest.mark.heavy
@pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="needs hatchling: the extra release"
)
def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    """In two folders, with other file times, umasks, hash seeds and time zones."""
    command = [sys.executable, "-m", "scripts.supply.reproducible", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {file.suffix for file in tmp_path.iterdir()} == {".whl", ".gz"}


def test_the_page_can_be_written() -> None:
    """With what is installed here, whatever its versions."""
    assert "## Base install" in page()
