"""The installed vLLM's version is read from folder names."""

from __future__ import annotations

from pathlib import Path

from vllm_costmeter.sources.vllm.installed import installed_vllm_version


def test_the_distribution_on_the_path_is_found(tmp_path: Path) -> None:
    """The first entry that has one counts, as for an import."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "vllm-0.32.0+cpu.dist-info").mkdir(parents=True)
    (tmp_path / "c" / "vllm-0.1.0.dist-info").mkdir(parents=True)
    assert installed_vllm_version(str(tmp_path / name) for name in "abc") == "0.32.0+cpu"


def test_other_distributions_are_not_vllm(tmp_path: Path) -> None:
    """Our own name begins alike."""
    (tmp_path / "vllm_costmeter-0.1.0.dist-info").mkdir()
    (tmp_path / "vllm-costmeter-0.1.0.dist-info").mkdir()
    assert installed_vllm_version([str(tmp_path), str(tmp_path / "missing")]) is None
