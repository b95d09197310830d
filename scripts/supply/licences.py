"""`python -m scripts.supply.licences` writes docs/licences.md from the metadata of what is installed."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution

from scripts.supply.dependencies import NOT_SHIPPED, ROOT, closure, declared

PAGE = """\
# Licences

vllm-costmeter itself is Apache-2.0. One piece of code of others is in it: uPlot, which draws the live page's charts,
under MIT (`vllm_costmeter/outputs/page/assets/uPlot.LICENSE`). The examples and, in the sdist, the tests hold facts
and data of others, such as published config.json files, each with its source beside it (`tests/data/README.md`).

The tables are written by `python -m scripts.supply.licences` from the metadata of the packages that are installed. Not
listed: what only development needs, and vLLM and ROCm's `amdsmi`, which are the host's.

{tables}
"""
LONGEST = 60


def licence(package: Distribution) -> str:
    """Its licence expression, else its classifiers, else the first line of its licence field."""
    said = package.metadata
    if expression := said.get("License-Expression"):
        return str(expression)
    classes = [
        each.rpartition(" :: ")[2] for each in said.get_all("Classifier", ()) if each.startswith("License ::")
    ]
    if classes := [each for each in classes if each != "OSI Approved"]:
        return ", ".join(classes)
    lines = (said.get("License") or "").strip().splitlines()
    return lines[0][:LONGEST] if lines else "not stated"


def page() -> str:
    """The whole page."""
    tables = []
    for extra, requirements in declared().items():
        if extra in NOT_SHIPPED:
            continue
        title = "Base install" if not extra else f"Extra `{extra}`"
        rows = sorted((name, licence(found)) for name, found in closure(requirements).items())
        lines = "\n".join(f"| {name} | {said} |" for name, said in rows)
        tables.append(f"## {title}\n\n| package | licence |\n|---|---|\n{lines}")
    return PAGE.format(tables="\n\n".join(tables))


def main() -> int:
    """Writes it."""
    (ROOT / "docs" / "licences.md").write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
