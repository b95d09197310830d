"""The wheel, not the tree: installed alone into a fresh environment, outside the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

pytestmark = pytest.mark.heavy


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run outside the tree, without what the tree's environment would lend."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COSTMETER_"))
    }
    return subprocess.run(
        command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    made = run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    (wheel,) = folder.glob("*.whl")
    pip = run(folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    assert pip.returncode == 0, pip.stderr
    return folder / "venv" / "bin"


def test_the_base_install_is_light(installed: Path, tmp_path: Path) -> None:
    """Neither vllm nor torch comes with it."""
    heavy = "('vllm', 'torch', 'transformers')"
    find = f"import importlib.util as u; print([name for name in {heavy} if u.find_spec(name)])"
    assert run(installed / "python", "-c", find, cwd=tmp_path).stdout.strip() == "[]"


def test_the_live_page_comes_with_its_program_and_its_licence(installed: Path, tmp_path: Path) -> None:
    """Nothing of it is fetched later."""
    told = "from vllm_costmeter.outputs.page.document import ASSETS, page_document as page"
    show = f"{told}; print('uPlot (v1' in page().html, (ASSETS / 'uPlot.LICENSE').is_file())"
    assert run(installed / "python", "-c", show, cwd=tmp_path).stdout.strip() == "True True"


@pytest.mark.parametrize(
    ("model", "length", "status"), [("8b", 16384, 0), ("8b", 131072, 1), ("70b", 8192, 1)]
)
def test_the_check_works_there(installed: Path, tmp_path: Path, model: str, length: int, status: int) -> None:
    """`costmeter check` judges a model from a copy of its config, with the exit status that says so."""
    shutil.copytree(ROOT / "examples" / "models" / f"llama-3.1-{model}", tmp_path / "model")
    gpu = ("--gpu", "RTX 4090", "--max-model-len", str(length))
    checked = run(installed / "costmeter", "check", "model", *gpu, "--format", "json", cwd=tmp_path)
    assert checked.returncode == status, checked.stdout + checked.stderr
    answer = json.loads(checked.stdout)
    assert answer["schema"] == "costmeter.check/1"
    assert (answer["verdict"] == "refused") == bool(status)


def test_the_check_works_from_python_there(installed: Path, tmp_path: Path) -> None:
    """`vllm_costmeter.check()` gives the same verdict as the command."""
    shutil.copytree(ROOT / "examples" / "models" / "llama-3.1-8b", tmp_path / "model")
    code = "import vllm_costmeter as c; print(c.check('model', gpu='RTX 4090', max_model_len=16384).verdict)"
    done = run(installed / "python", "-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "fits", done.stderr
