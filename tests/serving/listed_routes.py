"""Print, as JSON, the routes that the plugin adds to vLLM's own application: `python listed_routes.py MODEL`.

The application is built as `vllm serve` builds it, twice: without the plugin and with it. No server is started.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.plugins import load_general_plugins
from vllm.utils.argparse_utils import FlexibleArgumentParser

from vllm_costmeter.plugin.activation import request_plugin


def routes(args: Any) -> set[tuple[str, str]]:
    """(path, method) of each."""
    app = build_app(args, ("generate",))
    return {
        (route.path, method)
        for route in app.router.routes
        for method in getattr(route, "methods", None) or ("a mount or a WebSocket",)
    }


def main() -> None:
    """On the last line of what is printed."""
    os.environ.pop("VLLM_PLUGINS", None)
    load_general_plugins()
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(["--model", sys.argv[1]])
    plain = routes(args)
    request_plugin("costmeter")
    print(json.dumps(sorted(routes(args) - plain)))


if __name__ == "__main__":
    main()
