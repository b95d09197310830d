"""Statements of a script: which servers it starts, as far as its conditions are known."""

from __future__ import annotations

import pytest
from shells import lines, servers

from vllm_costmeter.sources.shell.machine import MOST_STEPS
from vllm_costmeter.sources.shell.syntax import ShellError


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("MODEL=a; export TP=2\nLENGTH=${LENGTH:-8}\nexec vllm serve $MODEL -tp $TP --max-model-len $LENGTH",
         ["a -tp 2 --max-model-len 8"]),
        ("vllm serve a & vllm serve b & wait", ["a", "b"]),
        ("exec vllm serve a; vllm serve never", ["a"]),
        ("vllm serve a || exit 1; vllm serve b", ["a", "b"]),
        ("exit 0; vllm serve never", []),
        ('if [ "$ROLE" = leader ]; then vllm serve a; else vllm serve b; fi', ["b"]),
        ('if [[ $ROLE == w* && -n "$ROLE" ]]; then vllm serve a; elif true; then vllm serve b; fi', ["a"]),
        ('if [ "$POD" = leader ]; then vllm serve a; else vllm serve b; fi', ["a", "b"]),
        ('if [ -z "$POD" ]; then M=a; fi; vllm serve $M', ["a"]),
        ('[ -n "$ROLE" ] && E=--enforce-eager\nvllm serve m $E', ["m --enforce-eager"]),
        ('[ -n "$POD" ] && E=--enforce-eager; vllm serve m ${E:-}', ["m"]),
        ('test "$ROLE" != leader && vllm serve m', ["m"]),
        ("case $ROLE in leader) vllm serve a;; wo*|x) vllm serve b;; *) vllm serve c; esac", ["b"]),
        ("case $POD in a) vllm serve a;; *) vllm serve b; esac", ["a", "b"]),
        ("for m in a b; do vllm serve $m & done", ["a", "b"]),
        ("i=0; while [ $i -lt 2 ]; do vllm serve m --port $((80 + i)) & i=$((i + 1)); done",
         ["m --port 80", "m --port 81"]),
        ("for ((i = 0; i < 2; i++)); do vllm serve m$i & done", ["m0", "m1"]),
        ("while true; do vllm serve m; sleep 1; done; vllm serve never", ["m"]),
        ("until curl -s x; do sleep 1; done; vllm serve m", ["m"]),
        ("for i in 1 2 3; do [ $i = 2 ] && break; vllm serve $i; done", ["1"]),
        ("for i in 1 2; do [ $i = 1 ] && continue; vllm serve $i; done", ["2"]),
        ("serve() { vllm serve \"$1\" -tp ${2:-1}; }\nserve a; serve b 4", ["a -tp 1", "b -tp 4"]),
        ("f() { return; vllm serve never; }; f; vllm serve m", ["m"]),
        ("(M=inner); M=${M:-outer}; vllm serve $M", ["outer"]),
        ("vllm serve m 2>&1 | tee log; vllm serve n > log --port 1", ["m", "n --port 1"]),
        ("{ vllm serve a; } 2>/dev/null; ! vllm serve b; time vllm serve c", ["a", "b", "c"]),
        ("C='vllm serve m'; $C --port 1; eval \"$C --port 2\"", ["m --port 1", "m --port 2"]),
        ("bash -lc 'vllm serve a'; sh -ec \"vllm serve b\"; bash -o pipefail -c 'vllm serve $1' x c", ["a", "b", "c"]),
        ("cat > run.sh <<'EOF'\nvllm serve m -tp $TP\nEOF\nTP=3 bash run.sh", ["m -tp 3"]),
        ("bash <<EOF\nvllm serve $ROLE\nEOF\n", ["worker"]),
        ("echo vllm serve never; grep -q 'vllm serve' x; pkill -f vllm serve", []),
        ("ssh host 'vllm serve m'; tmux new -d 'vllm serve n'", ["m", "n"]),
        ("source /opt/defaults.sh; vllm serve $M", ["from-file"]),
        ("set -a; TP=1; set +a; vllm serve m -tp $TP", ["m -tp 1"]),
        ("command vllm serve a; nohup /opt/bin/vllm serve b; uv run vllm serve c", ["a", "b", "c"]),
        ("python3 -u -X dev -m vllm.entrypoints.openai.api_server --model m", ["--model m"]),
        ("python3 /app/vllm/entrypoints/openai/api_server.py --model m", ["--model m"]),
        ("python -m http.server; vllm bench serve; vllm --version", []),
    ],
)  # fmt: skip
def test_a_script_starts_what_a_shell_would(script: str, expected: list[str]) -> None:
    """Order, branches, loops, functions, files and nested shells; what is undecided is taken both ways."""
    assert lines(servers(script, files={"/opt/defaults.sh": "M=from-file"}, ROLE="worker")) == expected


def test_the_environment_of_a_server_is_what_is_exported() -> None:
    """A prefix, `env`, `sudo` and `export`, and no variable of the shell alone."""
    (server,) = servers("export A=1; B=2; C=3 env D=4 sudo -E E=5 vllm serve m", F="6")
    assert {name: server.environment.get(name) for name in "ABCDEF"} == {
        **dict(zip("ACDEF", "13456", strict=True)),
        "B": None,
    }


def test_a_file_that_a_script_writes_is_there_for_the_server() -> None:
    """A --config of a here-document, with the script's variables put in."""
    (server,) = servers(
        "cat > /c.yaml <<EOF\nmodel: $M\nmax-model-len: 8\nEOF\nvllm serve --config /c.yaml", M="m"
    )
    assert server.files["/c.yaml"].text.text == "model: m\nmax-model-len: 8\n"


@pytest.mark.parametrize(
    ("script", "says", "line"),
    [
        ("vllm serve m\nvllm serve 'n", "not valid shell", 2),
        ("if true; then\n vllm serve m\n", "not valid shell", 3),
        ("f() { f; }\nf", "calls itself too deeply", 1),
        ("A=ab\nfor i in {1..30}; do A=$A$A; done; vllm serve $A", "grows above 128 KiB", 2),
        ("i=0\nwhile [ $i -lt 900 ]; do i=$((i+1)); done", "more than 200 rounds", 2),
        ("bash run.sh", "shells start one another", 1),
        ("vllm serve m \\ \n  --port 80", "--port begins a command of its own", 2),
        ("vllm serve m \\\n  # note\n  --port 80", "--port begins a command of its own", 3),
        ("x" * 300_000, "above 256 KiB", 1),
        ("\n" + "(" * 5000 + "true" + ")" * 5000, "nested too deeply", 1),
    ],
)
def test_a_script_that_cannot_be_read_says_so(script: str, says: str, line: int) -> None:
    """One line with its number; recursion, doubling values and endless loops are bounded."""
    with pytest.raises(ShellError, match=says) as caught:
        servers(script, files={"run.sh": "bash run.sh"})
    assert caught.value.line == line


def test_nested_loops_end() -> None:
    """Two hundred rounds of two hundred rounds are past the limit of commands."""
    with pytest.raises(ShellError, match=f"more than {MOST_STEPS} commands"):
        servers("for i in {1..200}; do for j in {1..200}; do A=$j; done; done")


@pytest.mark.parametrize(
    "script",
    [
        "until (exec 3<>/dev/tcp/localhost/1) 2>/dev/null; do sleep 1; done",
        "exec {fd}<>/tmp/pipe; exec 4<> \"$FIFO\"",
        'echo "\\`${a}\\`${b:+, s: \\`${b}\\`}"',
        "cat <<'E' | while read x; do\na b (c):\nE\necho $x; done",
        "python3 - <<PY | while IFS= read -r c; do\nfor n in sorted(A):\n    print(n)\nPY\n  echo $c\ndone",
    ],
)  # fmt: skip
def test_valid_bash_that_the_grammar_refuses_is_read(script: str) -> None:
    """Files opened for both ways, escaped backquotes in defaults, here-documents before a loop; with their lines."""
    found = servers(f"{script}\nvllm serve m")
    assert (lines(found), found[0].words[0].line) == (["m"], script.count("\n") + 2)


def test_a_text_that_names_vllm_is_never_left_out_to_be_read() -> None:
    """What the grammar refuses stays refused where it may hold a server."""
    with pytest.raises(ShellError, match="not valid shell"):
        servers("cat <<'E' | while read x; do\nvllm serve m (c):\nE\n$x; done\nvllm serve n")


def test_a_script_of_many_texts_without_an_end_is_refused_in_time() -> None:
    """Each rewriting is linear."""
    with pytest.raises(ShellError):
        servers("cat <<E | while read x; do\n" * 8000)
