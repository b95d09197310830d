"""What CI systems and people get for a folder of manifests: places, formats, waivers, headroom."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vllm_costmeter.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
LLAMA = str(ROOT / "examples/models/llama-3.1-8b")
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: llama}}
spec:
  template:
    spec:
      nodeSelector: {{nvidia.com/gpu.product: {gpu}}}
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
        args: [--model, "{model}", --max-model-len, "{length}"]
        resources: {{limits: {{nvidia.com/gpu: 1}}}}
"""


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """Two files with a server of one name, of which the second does not fit, and a Service."""
    folder = tmp_path / "deploy"
    (folder / "b").mkdir(parents=True)
    for name, length in (("a.yaml", 8192), ("b/b.yml", 131072)):
        text = MANIFEST.format(gpu="NVIDIA-GeForce-RTX-4090", model=LLAMA, length=length)
        (folder / name).write_text(text)
    (folder / "service.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: llama}\n")
    return folder


def waivers(folder: Path, target: str, expires: str = "2999-01-31") -> str:
    """The path of a waiver file."""
    file = folder.parent / "waivers.toml"
    file.write_text(f'[[waiver]]\ntarget = "{target}"\nreason = "the canary"\nexpires = {expires}\n')
    return str(file)


def test_a_folder_is_a_folder_of_manifests(deploy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row names file and line, so that two servers of one name are told apart; a Service is none."""
    assert main(["check", str(deploy)]) == 1
    rows = capsys.readouterr().out.splitlines()
    assert "Deployment llama, container vllm" in rows[1]
    assert f"{deploy}/a.yaml:11" in rows[1]
    assert "fits" in rows[1]
    assert f"{deploy}/b/b.yml:11" in rows[2]
    assert "refused" in rows[2]


def test_a_yaml_file_needs_no_flag(deploy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As with --file, its JSON too."""
    said = []
    for words in (["check"], ["check", "--file"]):
        assert main([*words, str(deploy / "a.yaml"), "--format", "json"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert main(["check", str(deploy / "a.yaml"), LLAMA]) == 2
    assert f"costmeter: {LLAMA}: no deployment file, nor a folder of them; " in capsys.readouterr().err


def test_a_folder_without_a_server_is_bad_input(deploy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A required check must not pass because nothing was looked at; with --skip-other-files it says so."""
    (deploy / "a.yaml").unlink()
    (deploy / "b/b.yml").unlink()
    assert main(["check", str(deploy)]) == 2
    assert "no server to check: none of the 1 files starts" in capsys.readouterr().err
    assert main(["check", str(deploy), "--skip-other-files"]) == 0
    assert "nothing was checked" in capsys.readouterr().out
    assert main(["check", str(deploy), "--skip-other-files", "--format", "junit"]) == 0
    assert "nothing was checked" in capsys.readouterr().err


def test_junit_counts_and_places_every_server(deploy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that fits passes, a refused one fails with its reason and the first change."""
    assert main(["check", str(deploy), "--format", "junit"]) == 1
    suites = ElementTree.fromstring(capsys.readouterr().out)
    (suite,) = suites
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
    }
    passed, failed = suites.iter("testcase")
    assert passed.find("failure") is None
    assert (failed.get("file"), failed.get("line")) == (f"{deploy}/b/b.yml", "11")
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("type") == "kv_cache"
    assert "Try --max-model-len" in (failure.text or "")


@pytest.mark.parametrize("format_", ["junit", "sarif", "github"])
@pytest.mark.parametrize("words", [["--gpuu", "L4"], ["--gpu", "nope"]], ids=["a flag", "a GPU"])
def test_a_report_holds_the_commands_own_error(
    format_: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2; standard output is a whole report, standard error one line."""
    assert main(["check", LLAMA, *words, "--format", format_]) == 2
    said = capsys.readouterr()
    assert words[-1] in said.out or "--gpuu" in said.out
    assert said.err.count("\n") == 1
    if format_ == "junit":
        assert ElementTree.fromstring(said.out).get("errors") == "1"
    elif format_ == "sarif":
        assert json.loads(said.out)["runs"][0]["results"][0]["level"] == "error"


def test_sarif_has_a_result_with_a_place_for_each(deploy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every result's rule is declared, and an accepted one is suppressed."""
    file = waivers(deploy, f"{deploy}/b/b.yml")
    assert main(["check", str(deploy), "--format", "sarif", "--waivers", file]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    fits, refused = run["results"]
    assert {fits["ruleId"], refused["ruleId"]} == {"fits", "refused"} <= rules
    place = refused["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (f"{deploy}/b/b.yml", 11)
    assert "the canary" in refused["suppressions"][0]["justification"]


def test_csv_is_the_table_in_bytes(deploy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row per server."""
    assert main(["check", str(deploy), "--format", "csv"]) == 1
    fits, refused = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (fits["verdict"], refused["verdict"]) == ("fits", "refused")
    assert int(refused["kv_cache_needed_bytes"]) == 16 << 30
    assert refused["line"] == "11"


@pytest.mark.parametrize("by", ["Deployment llama, container vllm", "{}/b/b.yml", "{}/b/b.yml:11"])
def test_an_accepted_risk_is_shown_and_passes(
    deploy: Path, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name or place; the reason and the day are printed."""
    assert main(["check", str(deploy), "--waivers", waivers(deploy, by.format(deploy))]) == 0
    said = capsys.readouterr()
    assert "waived (refused)" in said.out
    assert "waived until 2999-01-31: the canary" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("target", "expires", "says"),
    [
        ("Deployment llama, container vllm", "2026-01-31", "expired on 2026-01-31"),
        (
            "Deployment lama, container vllm",
            "2999-01-31",
            "names nothing that was checked; nearest: Deployment",
        ),
    ],
)
def test_a_waiver_that_does_not_hold_is_said(
    deploy: Path, target: str, expires: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails again."""
    assert main(["check", str(deploy), "--waivers", waivers(deploy, target, expires)]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "does not exist"),
        ("[[waiver]]\ntarget = 'x'\nreason = 'y'\n", "has no expires"),
        ("[[waiver]]\ntarget = 'x'\nreason = ''\nexpires = 2027-01-01\n", "reason must be a text"),
        ("[[waiver]]\ntarget = 'x'\nreason = 'y'\nexpires = 'soon'\n", "must be a date such as 2027-01-31"),
        (
            "[[waiver]]\ntarget = 'x'\nreason = 'y'\nexpire = 2027-01-01\n",
            "unknown key 'expire'; nearest: expires",
        ),
        ("[waivers]\n", "unknown key 'waivers'"),
    ],
)
def test_a_faulty_waiver_file_is_bad_input(
    tmp_path: Path, text: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line."""
    file = tmp_path / "waivers.toml"
    if text is not None:
        file.write_text(text)
    assert main(["check", LLAMA, "--gpu", "L40S", "--waivers", str(file)]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
