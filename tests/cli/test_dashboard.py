"""`costmeter dashboard` and `costmeter rules` as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from grafana_stand_in import TOKEN, running_grafana
from required_tool import required_tool

from vllm_costmeter.cli.main import main
from vllm_costmeter.outputs.dashboards.api_panels import against_api, with_api_prices
from vllm_costmeter.outputs.economics.api_prices import ApiPrices
from vllm_costmeter.sources.files.grafana import grafana_files

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"


def written(folder: Path) -> dict[str, str]:
    """Path -> text of everything below a folder."""
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_export_writes_what_the_grafana_folder_holds(tmp_path: Path) -> None:
    """Into a folder that is not there yet."""
    assert main(["dashboard", "export", str(tmp_path / "new" / "grafana")]) == 0
    assert written(tmp_path / "new" / "grafana") == written(GRAFANA)


def test_export_overwrites_nothing_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file that is there already: exit 2, and not one other is written."""
    mine = tmp_path / "docker-compose.yml"
    mine.write_text("mine")
    assert main(["dashboard", "export", str(tmp_path)]) == 2
    assert "already has docker-compose.yml: nothing was written; --force" in capsys.readouterr().err
    assert written(tmp_path) == {"docker-compose.yml": "mine"}
    assert main(["dashboard", "export", str(tmp_path), "--force"]) == 0
    assert mine.read_text() != "mine"


@pytest.mark.parametrize("command", [["dashboard", "export"], ["rules"]])
def test_a_folder_that_cannot_be_written_is_one_clear_line(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where a folder should be: exit 2, no traceback."""
    (tmp_path / "file").write_text("")
    assert main([*command, str(tmp_path / "file" / "below")]) == 2
    assert capsys.readouterr().err.startswith("costmeter: cannot write")


@pytest.mark.parametrize("command", [["dashboard", "export"], ["dashboard", "generate"], ["rules"]])
def test_an_empty_name_is_not_this_folder(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`costmeter dashboard export "$UNSET"` writes nothing anywhere."""
    monkeypatch.chdir(tmp_path)
    assert main([*command, ""]) == 2
    assert "DIR must name a folder" in capsys.readouterr().err
    assert written(tmp_path) == {}


@pytest.mark.parametrize("place", ["provisioning", "docker-compose.yml/below"])
def test_export_writes_all_or_nothing(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where a folder must be, or a folder where a file must be: no file of ours is left behind."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")
    assert main(["dashboard", "export", str(tmp_path), "--force"]) == 2
    assert capsys.readouterr().err.startswith("costmeter: cannot write")
    assert written(tmp_path) == {place: "mine"}


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "many"])
def test_a_limit_is_above_zero(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same line for every wrong one, which names the flag."""
    assert main(["rules", "--idle-usd-per-hour", limit]) == 2
    assert "--idle-usd-per-hour must be a number above 0" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["export", "push", "generate"])
def test_every_action_has_an_example(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In its own help, not only in that of `costmeter dashboard`."""
    with pytest.raises(SystemExit):
        main(["dashboard", action, "--help"])
    assert f"costmeter dashboard {action} " in capsys.readouterr().out.partition("examples:")[2]


def test_generate_writes_the_committed_dashboards(tmp_path: Path) -> None:
    """The command that made them, and their ConfigMaps."""
    assert main(["dashboard", "generate", str(tmp_path)]) == 0
    ours = ("dashboards/", "kubernetes/dashboard-")
    assert written(tmp_path) == {n: t for n, t in written(GRAFANA).items() if n.startswith(ours)}


def test_config_maps_carry_the_prices_that_were_asked_for(tmp_path: Path) -> None:
    """`export --api-output-usd-per-million` changes a dashboard and its ConfigMap alike."""
    words = ["--api-input-usd-per-million", "0.15", "--api-output-usd-per-million", "0.77"]
    assert main(["dashboard", "export", str(tmp_path), *words]) == 0
    dashboard = (tmp_path / "dashboards/costmeter-cost.json").read_text()
    config_map = yaml.safe_load((tmp_path / "kubernetes/dashboard-cost.yaml").read_text())
    assert "0.77" in dashboard
    assert config_map["data"] == {"costmeter-cost.json": dashboard}


def test_rules_for_kubernetes_overwrite_nothing_without_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed, or written as one file that must not be there: exit 2 and nothing changed otherwise."""
    assert main(["rules", "--format", "kubernetes"]) == 0
    assert capsys.readouterr().out == (GRAFANA / "kubernetes/rules.yaml").read_text()
    (tmp_path / "rules.yaml").write_text("mine")
    assert main(["rules", str(tmp_path), "--format", "kubernetes"]) == 2
    assert "already has rules.yaml: nothing was written; --force" in capsys.readouterr().err
    assert written(tmp_path) == {"rules.yaml": "mine"}
    assert main(["rules", str(tmp_path), "--format", "kubernetes", "--force"]) == 0
    assert yaml.safe_load((tmp_path / "rules.yaml").read_text())["kind"] == "PrometheusRule"


def test_export_needs_no_builder_and_generate_says_which_extra(tmp_path: Path) -> None:
    """On a base install: export works, generate is one clear line."""
    without = (
        "import sys; sys.modules['grafana_foundation_sdk'] = None\n"
        "from vllm_costmeter.cli.main import main\n"
        f"assert main(['dashboard', 'export', {str(tmp_path / 'a')!r}]) == 0\n"
        f"sys.exit(main(['dashboard', 'generate', {str(tmp_path / 'b')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "pip install 'vllm-costmeter[dashboards]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_export_takes_the_prices_of_another_api(tmp_path: Path) -> None:
    """The queries and the descriptions say them, and nothing else changes."""
    flags = ["--api-input-usd-per-million", "0.15", "--api-output-usd-per-million", "0.6"]
    assert main(["dashboard", "export", str(tmp_path), *flags]) == 0
    cost = (tmp_path / "dashboards/costmeter-cost.json").read_text()
    prices = ApiPrices(0.15, 0.6, source="as given")
    assert cost == with_api_prices(grafana_files()["dashboards/costmeter-cost.json"], prices)
    shown = {panel["title"]: panel for panel in json.loads(cost)["panels"]}
    for panel in against_api(prices).panels:
        assert shown[panel.title]["description"] == panel.description
        assert [t["expr"] for t in shown[panel.title]["targets"]] == [
            query.expression for query in panel.queries
        ]


def test_push_says_what_became_of_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token may come from the environment; the output has addresses to open."""
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with running_grafana() as grafana:
        assert main(["dashboard", "push", "--url", grafana.url + "/"]) == 0
        said = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in said] == ["created"] * 3
        assert said[0].endswith(f"{grafana.url}/d/costmeter-cost")
    assert grafana.violations == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dashboard", "push", "--url", "http://127.0.0.1:9"], "set GRAFANA_TOKEN"),
        (["dashboard", "push", "--url", "nonsense", "--token", "t"], "--url must be an address"),
        (["dashboard", "push"], "--url"),
        (["dashboard"], "export|push|generate"),
        (["dashboard", "export"], "DIR"),
        (["rules", "--idle-usd-per-hour", "-1"], "--idle-usd-per-hour must be a number"),
        (["rules", "--idle-usd-per-hour", "0"], "--idle-usd-per-hour must be a number above 0"),
        (["rules", "--budget-usd-per-day", "nan"], "--budget-usd-per-day must be a number"),
        (["rules", "--api-input-usd-per-million", "cheap"], "--api-input-usd-per-million must be a number"),
        (
            ["rules", "--api-input-usd-per-million", "0", "--api-output-usd-per-million", "0"],
            "is no comparison",
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, what was wrong, no traceback."""
    monkeypatch.delenv("GRAFANA_TOKEN", raising=False)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


def test_rules_on_the_terminal_are_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is what is written, in one document."""
    assert main(["rules"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)["groups"]
    files = [yaml.safe_load(path.read_text()) for path in sorted((GRAFANA / "prometheus/rules").iterdir())]
    alerts, recording = (file["groups"] for file in files)
    assert printed == [*recording, *alerts]
    assert main(["rules", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"schema": "costmeter.rules/1", "groups": printed}


def test_rules_take_limits(tmp_path: Path) -> None:
    """Every limit that is given is in the expressions, and Prometheus accepts them."""
    flags = {
        "--target-usd-per-million": "1.25",
        "--idle-usd-per-hour": "0.75",
        "--budget-usd-per-day": "61",
        "--budget-usd-per-month": "1234",
        "--price-age-days": "45",
        "--api-input-usd-per-million": "0.11",
        "--api-cached-usd-per-million": "0.055",
        "--api-output-usd-per-million": "0.66",
    }
    assert main(["rules", str(tmp_path), *(word for pair in flags.items() for word in pair)]) == 0
    groups = yaml.safe_load((tmp_path / "costmeter-alerts.yml").read_text())["groups"]
    expressions = " ".join(rule["expr"] for group in groups for rule in group["rules"])
    for value in flags.values():
        assert f" {value}" in expressions
    promtool = required_tool("promtool")
    subprocess.run([promtool, "check", "rules", *tmp_path.iterdir()], check=True, capture_output=True)
