"""An error of ours is found in a server's log; an interruption that struck while ours ran is none."""

from __future__ import annotations

from tracebacks import errors_through

LOG = """INFO 11-29 03:08:01 [api.py:1] hello
(APIServer pid=7) Traceback (most recent call last):
(APIServer pid=7)   File "/x/vllm_costmeter/core/fit.py", line 7, in <module>
(APIServer pid=7)     import more
(APIServer pid=7) {last}
(APIServer pid=7)
(APIServer pid=7) During handling of the above exception, another exception occurred:
(APIServer pid=7)
(APIServer pid=7) Traceback (most recent call last):
(APIServer pid=7)   File "/x/vllm/entry.py", line 7, in <module>
(APIServer pid=7) ValueError: of another
"""


def test_what_is_ours() -> None:
    assert errors_through(LOG.format(last="OSError: no"), "vllm_costmeter") == ["OSError: no"]


def test_an_interruption_is_nobodys() -> None:
    assert errors_through(LOG.format(last="KeyboardInterrupt: terminated"), "vllm_costmeter") == []
