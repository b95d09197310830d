"""Flags of `costmeter check` that say what a deployment file or a command leaves open."""

from __future__ import annotations

import argparse


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them; the last two are those with which a command's own words are passed on."""
    parser.add_argument(
        "--set",
        action="append",
        type=_assignment,
        metavar="NAME=VALUE",
        help="value of a variable in a deployment file that only the cluster knows; may be repeated",
    )
    parser.add_argument(
        "--path-map",
        action="append",
        type=_path_map,
        metavar="PATH=FOLDER",
        help="where a path in a container or an address stands here, as in /models=./models; may be repeated",
    )
    parser.add_argument("--server-environment", action="append", type=_assignment, help=argparse.SUPPRESS)
    parser.add_argument("--typed", help=argparse.SUPPRESS)
    parser.add_argument("--stated-gpus", type=_stated_gpus, help=argparse.SUPPRESS)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r:.80}")
    return name, value


def _path_map(text: str) -> tuple[str, str]:
    prefix, equals, folder = text.partition("=")
    if not (equals and folder and (prefix.startswith("/") or "://" in prefix)):
        raise argparse.ArgumentTypeError(
            f"must be PATH=FOLDER, as in /models=./models or s3://bucket=./models, got {text!r:.80}"
        )
    return prefix.rstrip("/") or "/", folder


def _stated_gpus(text: str) -> tuple[int, str]:
    number, _, said = text.partition(" ")
    return int(number), said
