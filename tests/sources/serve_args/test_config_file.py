"""The file of `vllm serve --config`."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.serve_args.config_file import ConfigFile
from vllm_costmeter.sources.serve_args.read import read_command


def test_a_name_that_no_file_can_have_is_one_line() -> None:
    """A null character does not come from a command line, but may from a text that is read as one."""
    words = ["MODEL", "--config", "nested\0.yaml"]
    with pytest.raises(BadInputError, match=r"--config .*: cannot be read: embedded null byte"):
        read_command(words, NEWEST, read_config=ConfigFile(words).read)
