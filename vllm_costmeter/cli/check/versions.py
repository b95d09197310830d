"""`costmeter check MODEL --compare-versions A,B`: what an upgrade of vLLM changes for one deployment."""

from __future__ import annotations

import json

from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.cli.check.targets import check_model
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.release_rules import ROWS
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.release import NEWEST_KNOWN, Version, dotted, release_of
from vllm_costmeter.outputs.check.versions import comparison_json, comparison_lines

FEWEST = 2


def run_comparison(request: CheckRequest) -> int:
    """Print the comparison; the exit code is that of the last release."""
    fits = compared(request)
    if request.format == "json":
        print(json.dumps(comparison_json(fits), indent=2))
    else:
        print("\n".join(comparison_lines(fits)))
    return fits[-1].exit_code(strict=request.is_strict)


def compared(request: CheckRequest) -> list[Fit]:
    """One result per release, in the order given. BadInputError for fewer than two, unknown or equal
    releases, and for flags that cannot be combined with this one."""
    releases = _releases(request.compare_versions or "")
    for asked, flag in (
        (request.files is not None, "deployment files"),
        (request.vllm_version is not None, "--vllm-version"),
        (request.is_exact, "--exact"),
        (request.format not in ("text", "json"), f"--format {request.format}"),
        (request.headroom is not None, "--headroom"),
        (request.waivers is not None, "--waivers"),
        (request.is_explained, "--explain"),
    ):
        if asked:
            raise BadInputError(f"--compare-versions cannot be combined with {flag}")
    if len(request.models) != 1:
        raise BadInputError(f"--compare-versions compares one MODEL, got {len(request.models)}")
    return [check_model(request.models[0], _at(request, text)) for text in releases]


def _at(request: CheckRequest, release: str) -> CheckRequest:
    return replace(request, vllm_version=release, serve=request.read_for(release_of(release)).flags)


def _releases(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if len(names) < FEWEST:
        raise BadInputError(
            f"--compare-versions needs two releases or more, as in 0.25.1,0.33.0; got {text!r:.40}"
        )
    for name in names:
        release = release_of(name)
        if not release.is_numbered or not ROWS[0].since <= release.number or release.minor > NEWEST_KNOWN[:2]:
            raise BadInputError(
                f"--compare-versions: the rules of vLLM {name:.40} are not known; give releases from "
                f"{dotted(ROWS[0].since)} to {dotted(NEWEST_KNOWN)}"
            )
        _reject_unpublished(name, release.number)
    if len({release_of(name).number for name in names}) < len(names):
        raise BadInputError(f"--compare-versions names a release twice: {text:.60}")
    return names


def _reject_unpublished(name: str, number: Version) -> None:
    """BadInputError for a patch release that does not exist, such as 0.25.7; the newest minor may get more."""
    from vllm_costmeter.sources.vllm_cli.flag_table import flag_table, numbers

    known = [numbers(text) for text in flag_table().releases]
    of_minor = [dotted(each) for each in known if each[:2] == number[:2]]
    if number[:2] != NEWEST_KNOWN[:2] and of_minor and number not in known:
        raise BadInputError(
            f"--compare-versions: vLLM {name:.40} was never released; of {dotted(number[:2])} there are "
            f"{', '.join(of_minor)}"
        )
