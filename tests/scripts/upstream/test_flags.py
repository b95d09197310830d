"""Reading a release of vLLM: what archives hold, and a table that keeps each definition once."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from required_tool import required_module

from scripts.upstream.flags import by_field, changes, record_of, releases_of, table_of
from scripts.upstream.release_sources import Release, opened
from vllm_costmeter.sources.vllm_cli.flag_table import FILE

VERSION_FILE = "__version__ = version = '9.8.7'\n"
FILES = {"vllm/_version.py": VERSION_FILE, "vllm/a/b.py": "", "vllm/_C.abi3.so": "compiled"}


def folder(root: Path) -> Path:
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def wheel(root: Path) -> Path:
    with zipfile.ZipFile(root / "vllm-9.8.7.whl", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
        archive.writestr("../outside.py", "")
    return root / "vllm-9.8.7.whl"


def sdist(root: Path) -> Path:
    inner = folder(root / "vllm-9.8.7")
    with tarfile.open(root / "vllm-9.8.7.tar.gz", "w:gz") as archive:
        archive.add(inner, "vllm-9.8.7")
    return root / "vllm-9.8.7.tar.gz"


@pytest.mark.parametrize("made", [folder, wheel, sdist])
def test_a_release_is_read_from_a_wheel_an_sdist_or_a_folder(made, tmp_path: Path) -> None:
    """Its number is its own; compiled code of an archive is left behind and nothing is written outside."""
    with opened(made(tmp_path)) as release:
        assert release.version == "9.8.7"
        assert (release.folder / "vllm" / "a" / "b.py").is_file()
        assert made is folder or not (release.folder / "vllm" / "_C.abi3.so").exists()
    assert not list(tmp_path.parent.glob("outside.py"))


def test_what_is_no_release_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.whl").write_text("no archive")
    for source in (tmp_path, tmp_path / "text.whl"):
        with pytest.raises(SystemExit, match="wheel"), opened(source):
            pass


def release_of(**defaults: int) -> dict[str, dict[str, object]]:
    flags = {
        f"--{name}": {"names": f"--{name}", "kind": "int", "default": value}
        for name, value in defaults.items()
    }
    return {"flags": flags, "configs": {f"C.{name}": "int" for name in defaults}}


def test_a_table_keeps_each_definition_once_and_gives_every_release_back() -> None:
    """A flag that goes and comes back as it was is one row with two runs."""
    releases = {"0.9.0": release_of(a=1, b=1), "0.10.0": release_of(a=1), "0.10.1": release_of(a=2, b=1)}
    table = table_of(releases, "3.12")
    assert table["releases"] == ["0.9.0", "0.10.0", "0.10.1"]
    assert [runs for runs, record in table["flags"] if record["names"] == "--b"] == [[[0, 0], [2, 2]]]
    assert releases_of(table) == releases


def test_the_changes_of_a_release_are_told() -> None:
    """New, gone and changed flags, and keys of configuration classes."""
    found = list(changes(release_of(a=1, b=1), release_of(b=2, c=1)))
    assert found == ["+ --c", "- --a", "~ --b: default 1 -> 2", "+ C.c", "- C.a"]


def test_a_pair_of_switches_is_kept_by_the_name_that_vllm_documents() -> None:
    """`--no-` forms, and since 0.33 `--disable-` for `--enable-`, are made from it when it is read."""
    raw = {"dest": "enable_x", "action": "bool", "default": None}
    both = ["--enable-x", "--no-enable-x"]
    assert record_of({**raw, "names": both, "off": both[1:]}) == {"names": "--enable-x", "action": "bool"}
    three = [*both, "--disable-x"]
    assert record_of({**raw, "names": three, "off": three[1:]}) == {"names": "--enable-x", "action": "pair"}
    with pytest.raises(SystemExit, match="names"):
        record_of({**raw, "names": [*three, "--x"], "off": three[1:]})


@pytest.mark.heavy
def test_the_packaged_table_is_what_the_installed_vllm_tells() -> None:
    """Flags and shapes of its release, read again from its own parser."""
    vllm = required_module("vllm")
    version = vllm.__version__.partition("+")[0]
    packaged = releases_of(json.loads(FILE.read_text()))
    if version not in packaged:
        pytest.skip(f"vLLM {version} is not in the table")
    told = Release(Path(vllm.__file__).parents[1], version).describe()
    flags = {record["names"].split()[0]: record for record in map(record_of, told["flags"])}
    assert list(changes(packaged[version], {"flags": flags, "configs": by_field(told["configs"])})) == []
