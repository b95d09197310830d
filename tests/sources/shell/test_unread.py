"""Servers that a script may start and that cannot be told: each is reported, and nothing else is."""

from __future__ import annotations

import pytest
from shells import lines, servers

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.shell.typed import is_script, typed_servers

CHANGED = 'C="vllm serve m"; if [ "$POD" = x ]; then C="$C --enforce-eager"; fi\n'


def unread(script: str, **variables: str) -> list[str]:
    """Why each server of a script was not read."""
    found = servers(script, POD="$(POD)", **variables)
    return [each.not_read or f"read: {each.words[0].text}" for each in found]


@pytest.mark.parametrize(
    "command",
    [
        "$C",
        "eval $C",
        'eval "$C" > log 2>&1 &',
        'eval "exec $C"',
        "exec $C",
        'bash -c "$C"',
        "nohup $C > log 2>&1 &",
        'tmux new -d "$C"',
        "A=1 env B=2 sudo $C",
        'D="$C --port 1"; $D',
        "run() { $1; }; run \"$C\"",
    ],
)  # fmt: skip
def test_a_command_in_a_variable_that_a_branch_changes(command: str) -> None:
    """Whatever runs the variable, the server in it is not read, and the message names the variable."""
    (found,) = unread(CHANGED + command)
    assert "C starts vLLM with words that only the running machine knows: add --set" in found


@pytest.mark.parametrize(
    "change",
    [
        '[[ -f /x ]] && C="$C --enforce-eager"',
        "if [ $POD = x ]; then C+=' --enforce-eager'; fi",
        "case $POD in a) C='vllm serve n';; esac",
        "if grep -q H100 x; then C='python -m other'; fi",
        "if [ $POD = x ]; then C=(vllm serve m --enforce-eager); fi",
    ],
)
def test_every_kind_of_branch_leaves_a_command_that_is_not_known(change: str) -> None:
    """A test, an assignment that appends, a case, another program's result, an array."""
    assert len(unread(f"C='vllm serve m'; {change}\n$C")) == 1


def test_servers_beside_one_that_is_not_read_are_read() -> None:
    """In the order of the script, with the line of each."""
    first, second = servers(f"vllm serve a &\n{CHANGED}eval $C", POD="$(POD)")
    assert (lines([first]), first.not_read, second.words[0].line) == (["a"], None, 3)


@pytest.mark.parametrize(
    "script",
    [
        CHANGED + 'echo "$C"; logger "$C"; curl -d "$C" x; pkill -f "$C"; python b.py --cmd "$C"; git commit -m "$C"',
        "S=; [ $POD = x ] && S=sudo; $S apt install vllm; $UNSET --version; $PYTHON bench.py --tensor-parallel-size 2",
        "C='ollama serve'; [ $POD = x ] && C='ollama serve m'; $C",
        "$BIN serve m; $RAY start --head; $PYTHON -m http.server; $DOCKER pull vllm/vllm-openai:v1",
        "docker pull vllm/vllm-openai:v1; docker build -t x/vllm:1 .; singularity pull docker://vllm/vllm-openai:v1",
        "cat <<E | tee f.yaml\nimage: vllm/vllm-openai\nE\nkubectl get pods -l app=vllm; kubectl logs vllm/x",
        "ssh host <<E\n# vllm serve m\necho vllm serve m\nnvidia-smi\nE\nkubectl apply -f - <<E\nkind: Secret\nE",
        "sudo tee v.service <<EOF\nExecStart=vllm serve m\nEOF\ndocker build -t x - <<E\nCMD vllm serve m\nE",
        "python bench.py --model $M --tensor-parallel-size 2; numactl -N 0 python l.py $A --enforce-eager",
        "docker compose up -d; kubectl run x --image=redis; pm2 start app.js; gcloud compute ssh vm --command=ls",
    ],
)  # fmt: skip
def test_what_only_speaks_of_a_server_is_none(script: str) -> None:
    """Messages, images that are pulled or built, other programs, and words without a sign of vLLM."""
    assert unread(script) == []


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("$PYTHON -m vllm.entrypoints.openai.api_server --model m", "--model m"),
        ("$PYTHON -u -X dev -m vllm.entrypoints.cli.main serve m", "m"),
        ("$VLLM_BIN serve m; ", "m"),
        ('"${VENV}/bin/vllm" serve m', "m"),
        ("$ENGINE run --gpus all vllm/vllm-openai:v1 --model m", "--model m"),
        ("sudo $ENGINE run --gpus all vllm/vllm-openai:v1 --model m", "--model m"),
        ("docker run -d $UNSET vllm/vllm-openai:v1 --model m", "--model m"),
        ("docker run $A --name v $(cat flags) -p 80:80 vllm/vllm-openai:v1 --model m", "--model m"),
        ('docker run --gpus all "${OPTS[@]}" vllm/vllm-openai:v1 --model m', "--model m"),
        ("podman-hpc run --gpu vllm/vllm-openai:v1 --model m", "--model m"),
        ("I=vllm/vllm-openai:v1; [ -f x ] && I=vllm/vllm-openai:v2; docker run $I org/m", "org/m"),
        ("I=vllm/vllm-openai:v1; [ -f x ] && I=vllm/vllm-openai:v2; docker run $O $I org/m", "org/m"),
        ("docker run $OPTIONS $IMAGE --model m", "--model m"),
        ("tail -f <(vllm serve m)", "m"),
        ("ID=$(docker run -d vllm/vllm-openai:v1 --model m)", "--model m"),
        ("ID=`docker run -d vllm/vllm-openai:v1 --model m`; echo $ID", "--model m"),
        ("start() { vllm serve $1 & echo $!; }\nexport P=$(start m)", "m"),
        ("for i in 1 2; do P=$(pgrep x); Q=$(docker run -d i --model m | head -c 12); done", "--model m|--model m"),
        ("gcloud compute ssh vm --command='vllm serve m'", "m"),
    ],
)  # fmt: skip
def test_words_that_are_not_known_beside_words_that_tell(script: str, expected: str) -> None:
    """A program, an engine or options that only the machine knows, where the rest is plain; and substitutions."""
    found = servers(script)
    assert ("|".join(lines(found)), [each.not_read for each in found]) == (expected, [None] * len(found))


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("$BIN serve m --max-model-len 8", "$BIN is not known: add --set BIN=vllm"),
        ("docker run $A $IMAGE $MODEL --tensor-parallel-size 2", "is not known"),
        ("ssh host <<E\nvllm serve m\nE", "runs ssh host with a text that starts vLLM"),
        ("ssh host 'bash -s' <<E\ndocker run vllm/vllm-openai:v1 --model m\nE", "with a text that starts vLLM"),
        ("kubectl apply -f - <<E\nimage: vllm/vllm-openai:v1\nE", "with a text that starts vLLM"),
        ("cat > d.yaml <<E\nimage: vllm/vllm-openai:v1\nE\nkubectl apply -f d.yaml", "starts what d.yaml holds"),
        ("cat > compose.yml <<E\nimage: vllm/vllm-openai:v1\nE\ndocker compose up -d", "starts what compose.yml holds"),
        (
            "sudo tee /etc/v.service <<EOF\nExecStart=/opt/vllm serve m\nEOF\nsudo systemctl enable --now v",
            "starts what /etc/v.service holds",
        ),
        ("kubectl apply -f - <<E\nkind: Secret\nE\nkubectl apply -f - <<E\nimage: vllm/x:v1\nE", "with a text that"),
        ("kubectl run v --image=vllm/vllm-openai:v1 -- --model m", "starts vLLM outside this script"),
        ("sudo singularity run --nv docker://vllm/vllm-openai:v1 --model m", "starts vLLM outside this script"),
        ("pm2 start 'vllm serve m' --name v", "starts vLLM outside this script"),
    ],
)  # fmt: skip
def test_a_server_that_starts_elsewhere_is_not_read(script: str, says: str) -> None:
    """Other machines, clusters and process managers whose words or texts name vLLM."""
    (found,) = unread(script)
    assert says in found


def test_a_typed_command_that_is_not_read_is_bad_input() -> None:
    """It is a command all the same, and the line says what to give."""
    assert is_script("kubectl run v --image=vllm/vllm-openai:v1")
    with pytest.raises(BadInputError, match="not read: runs kubectl run v"):
        typed_servers(["kubectl run v --image=vllm/vllm-openai:v1"])


def test_programs_of_a_loop_are_counted_once() -> None:
    """Two hundred rounds of five programs are no more than five, and recursion over what runs there ends."""
    assert lines(servers("for i in {1..200}; do a; b; c; d; sleep 1; done; vllm serve m")) == ["m"]
    tree = "kill_all() { local c; for c in $(pgrep -P $1); do kill_all $c; done; kill $1; }\n"
    assert lines(servers(f"{tree}kill_all $PID; X=$(kill_all $PID); vllm serve m")) == ["m"]


@pytest.mark.parametrize(
    "write",
    [
        "cat > run.sh <<E\nvllm serve m\nE\nchmod +x ./run.sh; cp run.sh /b.sh; ls run.sh\nnohup ./run.sh &",
        "tee run.sh > /dev/null <<E\nvllm serve m\nE\nbash ./run.sh",
    ],
)
def test_a_script_that_is_written_and_run_is_one_server(write: str) -> None:
    """Programs that handle the file do not run it."""
    assert lines(servers(write)) == ["m"]
