"""Which processes are this server's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vllm_costmeter.sources.gpu.process_tree import ProcessTree, parent_in_stat


@pytest.mark.parametrize(
    ("line", "parent"),
    [
        ("42 (vllm) S 7 42 42 0", 7),
        ("42 (VLLM::Worker (TP0) x) R 9 1", 9),
        ("", 0),
        ("42 (cut", 0),
        ("42 (x) S", 0),
    ],
)
def test_the_parent_is_read_whatever_the_process_is_called(line: str, parent: int) -> None:
    """A name may hold spaces and parentheses; a broken line has no parent."""
    assert parent_in_stat(line) == parent


def test_children_are_owned_and_parents_are_not() -> None:
    """A real child process belongs to this one, and not the other way round."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert ProcessTree().owns(child.pid)
        assert not ProcessTree(child.pid).owns(os.getpid())
        child.communicate(b"\n")


def test_ids_that_lead_nowhere_are_not_owned(tmp_path: Path) -> None:
    """A host's process id seen from a container, and a circle of parents, end in no."""
    for pid, parent in ((50, 51), (51, 50)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (x) S {parent} 0")
    tree = ProcessTree(7, tmp_path)
    assert [tree.owns(pid) for pid in (7, 50, 99, 1, 0)] == [True, False, False, False, False]
