"""How far the model is from the measurements: `python scripts/serving/errors.py [ML_ENERGY.csv]`."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from pathlib import Path

import truth
from load import closed, most_running


def estimated(run: truth.Run):  # type: ignore[no-untyped-def]
    """Of one replica, at its share of the load."""
    most = min(most_running(run.server, run.requests), run.most_sequences)
    return closed(run.server, run.requests, run.concurrency / run.replicas, most)


def main() -> None:
    """Tables by source, model, GPU."""
    runs = [*truth.committed(), *truth.sweep(), *(r for f in sys.argv[1:] for r in truth.ml_energy(Path(f)))]
    runs = [run for run in runs if run.attention_dp == 1]
    groups: dict[tuple[str, str], list[tuple[float | None, float | None, float | None]]] = defaultdict(list)
    for run in runs:
        got = estimated(run)
        rate = run.tokens_per_second and got.tokens_per_second * run.replicas / run.tokens_per_second - 1
        tpot = run.tpot and got.tpot / run.tpot - 1
        ttft = run.ttft and got.ttft / run.ttft - 1
        for key in (("source", run.source), ("model", run.model), ("GPU", run.gpu), ("all", ""), ("source x GPU", f"{run.source} {run.gpu}"), ("source x model", f"{run.source} {run.model} {run.server.weights}")):
            groups[key].append((rate, tpot, ttft))
    for (kind, name), errors in sorted(groups.items()):
        cells = []
        for column in range(3):
            values = [each[column] for each in errors if each[column] is not None]
            if values:
                cells.append(f"{statistics.median(values):+5.0%} |{statistics.median(map(abs, values)):4.0%}|")
            else:
                cells.append("     -      ")
        print(f"{kind:15s} {name:52s} {len(errors):4d}  rate {cells[0]}  tpot {cells[1]}  ttft {cells[2]}")


if __name__ == "__main__":
    main()
