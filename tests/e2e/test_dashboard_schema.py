"""The dashboards against the schema that Grafana publishes on npm, as TypeScript types: the compiler is the judge."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from harness import ROOT
from required_tool import missing, required_tool

pytestmark = pytest.mark.heavy

PACKAGES = (
    "@grafana/schema@11.6.0",
    "typescript@5.6",
)  # Grafana's line of the builders; any compiler of the last years
TYPES = "node_modules/@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts"
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
OF_PROMETHEUS_ANNOTATIONS = "    expr?: string;\n    titleFormat?: string;\n"
"""The data source's own fields; the core schema does not list what plugins add to an annotation."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the published types and a TypeScript compiler."""
    npm = required_tool("npm")
    folder = tmp_path_factory.mktemp("schema")
    install = [
        npm,
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--legacy-peer-deps",
        *PACKAGES,
    ]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        missing(f"npm could not install the schema: {done.stderr[-300:]}")
    types = (folder / TYPES).read_text()
    types = re.sub(r"export declare enum (\w+) \{(.*?)\}", values_of, types, flags=re.DOTALL)
    types = types.replace(
        "interface AnnotationQuery {\n", f"interface AnnotationQuery {{\n{OF_PROMETHEUS_ANNOTATIONS}"
    )
    (folder / "schema.d.ts").write_text(types)
    return folder


def values_of(enum: re.Match[str]) -> str:
    """An enum as the union of its values, which is what JSON can hold."""
    listed = re.findall(r'= ("[^"]*"|-?\d+)', enum[2])
    return f"export type {enum[1]} = {' | '.join(listed)};"


def complaints(folder: Path, name: str, json_text: str) -> str:
    """What the compiler says of a dashboard."""
    file = folder / f"{name}.ts"
    file.write_text(
        f'import type {{ Dashboard }} from "./schema";\nexport const it: Dashboard = {json_text};\n'
    )
    compiler = folder / "node_modules" / ".bin" / "tsc"
    command = [compiler, "--noEmit", "--strict", "--skipLibCheck", file]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_of_the_published_type(workshop: Path, dashboard: Path) -> None:
    """No field that the schema does not know, none of the wrong type, none missing."""
    assert complaints(workshop, dashboard.stem, dashboard.read_text()) == ""


def test_the_compiler_would_notice(workshop: Path) -> None:
    """A field of the wrong type and one that nobody knows are found."""
    text = DASHBOARDS[0].read_text()
    assert "not assignable" in complaints(
        workshop, "wrong", text.replace('"graphTooltip": 1', '"graphTooltip": 7')
    )
    assert "known properties" in complaints(
        workshop, "unknown", text.replace('"schemaVersion"', '"schemaVersio"')
    )
