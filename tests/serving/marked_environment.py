"""The environment of a server whose user has secrets, with a log of its own for what our loggers say."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from marks import Marks

OUR_LOG = "log of ours"
"""Its file, in the folder that is given."""


def marked_environment(folder: Path, marks: Marks) -> dict[str, str]:
    """Secrets of the server's user; what our loggers say goes to a file of its own."""
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(name)s %(levelname)s %(message)s"}},
        "handlers": {
            "all": {"class": "logging.StreamHandler", "formatter": "plain"},
            "ours": {
                "class": "logging.FileHandler",
                "formatter": "plain",
                "filename": str(folder / OUR_LOG),
            },
        },
        "loggers": {
            "vllm": {"level": "DEBUG", "handlers": ["all"], "propagate": False},
            "vllm.costmeter": {"level": "DEBUG", "handlers": ["ours"]},
        },
    }
    (folder / "logging.json").write_text(json.dumps(logging))
    return {
        "VLLM_LOGGING_CONFIG_PATH": str(folder / "logging.json"),
        "VLLM_RPC_BASE_PATH": tempfile.gettempdir(),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "TMPDIR": str(folder / "tmp"),
        "HOME": str(folder / "home"),
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,otel",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={marks.new('the header for the collector')}",
        "HF_TOKEN": marks.new("HF_TOKEN"),
        "VLLM_API_KEY": marks.new("VLLM_API_KEY"),
        "COSTMETER_PROMETHEUS_TOKEN": marks.new("a token of ours"),
        "DATABASE_URL": f"postgres://me:{marks.new('a password')}@host/db",
    }
