"""A target belongs to one exporter of a ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vllm_costmeter.exporting.claims import Claims
from vllm_costmeter.sources.targets.target import Target

ONE, TWO = Target("http://a:1/metrics"), Target("http://b:1/metrics")
OTHER = """
import sys
from pathlib import Path
from vllm_costmeter.exporting.claims import Claims
from vllm_costmeter.sources.targets.target import Target
claims = Claims(Path(sys.argv[1]))
print([claims.claim(Target(url)) for url in sys.argv[2:]])
"""


def asked(ledger: Path, *targets: Target) -> str:
    """What another process gets; its claims end with it."""
    words = [sys.executable, "-c", OTHER, str(ledger), *(target.url for target in targets)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_another_process_gets_only_what_nobody_has(tmp_path: Path) -> None:
    """Other targets of the same ledger are free, and a released one is again."""
    ledger = tmp_path / "new" / "ledger.sqlite3"
    assert asked(ledger, ONE) == "[True]"
    claims = Claims(ledger)
    assert claims.claim(ONE)
    assert claims.claim(ONE)
    assert asked(ledger, ONE, TWO) == "[False, True]"
    claims.release(ONE)
    assert asked(ledger, ONE, TWO) == "[True, True]"


def test_where_no_lock_can_be_had_nothing_is_refused(tmp_path: Path) -> None:
    """Who writes the ledger says that it cannot be written."""
    (tmp_path / "file").write_text("")
    assert Claims(tmp_path / "file" / "ledger.sqlite3").claim(ONE)
