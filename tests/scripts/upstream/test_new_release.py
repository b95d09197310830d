"""A new release: fetched through pip, compared with the newest recorded one, added to the tables."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from upstream_releases import two_releases

from scripts.upstream import __main__ as upstream
from scripts.upstream import architectures, interfaces, wheels
from scripts.upstream.cited import cited_changes, definitions
from scripts.upstream.source_tree import SourceTree
from scripts.upstream.touched_changes import imported_by_exact, statistics_changes, touched_changes

OLD, NEW = "0.17.0", "0.18.0"


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    return two_releases(tmp_path)


@pytest.fixture
def trees(releases: Path) -> tuple[SourceTree, SourceTree]:
    return SourceTree(releases / OLD), SourceTree(releases / NEW)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip finds wheels: a folder with those of 0.17.0 and 0.18.0."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for release in (OLD, NEW):
        with zipfile.ZipFile(folder / f"vllm-{release}-py3-none-any.whl", "w") as wheel:
            info = f"vllm-{release}.dist-info"
            wheel.writestr("vllm/_version.py", f"__version__ = version = '{release}'\n")
            wheel.writestr("vllm/config/__init__.py", "")
            wheel.writestr("vllm/_C.abi3.so", "compiled")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: vllm\nVersion: {release}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(wheels, "CACHE", tmp_path / "cache")
    return folder


def test_a_release_is_fetched_once_without_what_is_compiled(registry: Path) -> None:
    found = wheels.sources_of(NEW)
    assert (found / "vllm" / "_version.py").is_file()
    assert not (found / "vllm" / "_C.abi3.so").exists()
    for wheel in registry.iterdir():
        wheel.unlink()
    assert wheels.sources_of(NEW) == found


def test_a_release_without_a_wheel_is_one_line_with_the_nearest(registry: Path) -> None:
    with pytest.raises(
        wheels.NoReleaseError, match=r"has no wheel; the nearest that have one: 0\.17\.0, 0\.18\.0$"
    ):
        wheels.sources_of("0.17.5")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("0.31.0", "older than the newest recorded"),
        ("newest", "is not a release"),
        ("none", "is not a release"),
        ("9.9.9", "has no wheel"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_2(
    asked: str, said: str, registry: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded or written."""
    monkeypatch.setattr(wheels, "CACHE", registry / "0.33.0")
    (registry / "0.33.0" / "0.33.0" / "vllm" / "config").mkdir(parents=True)
    assert upstream.main([asked]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_table_extended_by_a_release_is_the_table_of_all(
    releases: Path, trees: tuple[SourceTree, SourceTree], tmp_path: Path
) -> None:
    """Architectures with their first and last release, and which gained an interface."""
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / OLD).symlink_to(releases / OLD)
    assert architectures.extended(architectures.table(alone), OLD, NEW, trees) == architectures.table(
        releases
    )  # type: ignore[arg-type]
    assert interfaces.extended(interfaces.table(alone), NEW, trees) == interfaces.table(releases)
    for again in (architectures.table(releases),):
        assert architectures.extended(again, OLD, NEW, trees) == again  # type: ignore[arg-type]
    assert interfaces.extended(interfaces.table(releases), NEW, trees) == interfaces.table(releases)


def test_what_the_plugin_touches_is_compared_by_declaration(trees: tuple[SourceTree, SourceTree]) -> None:
    """A function that moved to another module through an import is the same; another parameter is a change."""
    found = {each.name: (each.before, each.after) for each in touched_changes(*trees)}
    assert found["vllm.engine.arg_utils.EngineArgs.create_engine_config"] == (
        "def create_engine_config(self)",
        "def create_engine_config(self, headless=False)",
    )
    assert found["vllm.v1.metrics.stats.IterationStats.finished_requests"][1] is None
    assert "vllm.plugins.load_plugins_by_group" not in found
    assert [*statistics_changes(*trees)] == [
        "+ IterationStats.ended_requests",
        "- IterationStats.finished_requests",
    ]


def test_every_import_of_exact_mode_is_known(trees: tuple[SourceTree, SourceTree]) -> None:
    """With what it takes from imported modules."""
    found = set(imported_by_exact(trees[1]))
    assert {
        ("vllm.v1.core.kv_cache_utils", "get_kv_cache_configs"),
        ("vllm.v1.core.kv_cache_utils", "generate_scheduler_kv_cache_config"),
        ("vllm.distributed.parallel_state", "_node_count"),
        ("vllm.engine.arg_utils", "EngineArgs"),
    } <= found


def test_changed_code_that_our_rules_cite_is_named(releases: Path) -> None:
    """With our file; what moved unchanged, another comment, and what no rule names are left out."""
    one, other = releases / OLD / "vllm", releases / NEW / "vllm"
    found = cited_changes(definitions(one, other), definitions(other, one))
    places = {each.place: (each.what, each.cited_in) for each in found}
    assert places["platforms/interface.py: Platform._align_hybrid_block_size"] == (
        "changed",
        ("core/kv_cache/rules.py",),
    )
    assert places["v1/attention/backends/new.py: NewBackend.get_kv_cache_shape"] == ("came", ())
    assert places.keys() <= {
        "engine/arg_utils.py: EngineArgs.create_engine_config",
        "platforms/interface.py: Platform._align_hybrid_block_size",
        "v1/attention/backends/new.py: NewBackend.get_kv_cache_shape",
    }
