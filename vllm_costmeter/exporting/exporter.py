"""`costmeter exporter`: the cost of servers that are read from outside."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.exporting.beginning import Beginning, Terms, model_of
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.metering.polled_target import PolledTarget
from vllm_costmeter.metering.sampler import Sampler
from vllm_costmeter.metering.target_meter import TargetMeter
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, Metric, generate_latest
from vllm_costmeter.outputs.metrics.status_json import samples_of
from vllm_costmeter.outputs.metrics.targets import merged, target_families
from vllm_costmeter.sources.targets.http_page import PageError
from vllm_costmeter.sources.targets.target import Target

LONGEST_END_SECONDS = 10.0
"""Below the 30 s that Kubernetes gives a pod to end."""


class Exporter:
    """Reads its targets once a second, charges them, and has the page of all of them."""

    def __init__(self, terms: Terms, tell: Callable[[str], None], errors: ErrorCounts | None = None) -> None:
        """`errors`: its own, by place."""
        self._terms = terms
        self._beginning = Beginning(terms, tell)
        self._tell = tell
        self._targets: dict[Target, PolledTarget] = {}
        self._replicas: dict[tuple[str, tuple[tuple[str, str], ...]], Target] = {}
        self._processes: dict[tuple[str | float | None, ...], Target] = {}
        self._lock = threading.Lock()
        self.discovery_up: bool | None = None
        self.errors = errors or ErrorCounts(("exporter",))
        self._registry = CollectorRegistry()
        self._collector = LatestCollector(self._registry, on_fault=lambda: self.errors.add("exporter"))
        self._sampler = Sampler(self._second, self._report)
        self.live = LivePage(self.samples, instance=secrets.token_hex(6))
        """The data of its page."""
        self._told: set[str] = set()

    def follow(self, targets: Sequence[Target]) -> list[PolledTarget]:
        """Read these from now on; what is no longer among them has ended. The new ones, not started yet."""
        wanted = dict.fromkeys(targets)
        with self._lock:
            gone_targets = [target for target in self._targets if target not in wanted]
            gone = [self._targets.pop(target) for target in gone_targets]
            new = {target: self._polled(target) for target in wanted if target not in self._targets}
            self._targets |= new
            self._replicas = {key: target for key, target in self._replicas.items() if target in wanted}
        for polled in gone:
            polled.tick(time.monotonic(), time.localtime().tm_hour)
            polled.stop()
        for target in gone_targets:
            self._beginning.end(target)
        return list(new.values())

    def start(self) -> None:
        """Begin to charge."""
        self._sampler.start()

    def stop(self) -> None:
        """Charge the last second and write the ledger. All targets end at once: many that hang are not waited for one
        after the other."""
        self._sampler.stop()
        threads = [threading.Thread(target=polled.stop, daemon=True) for polled in self._polling()]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + LONGEST_END_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def tick(self) -> None:
        """Charge all targets."""
        hour = time.localtime().tm_hour
        for polled in self._polling():
            try:
                polled.tick(time.monotonic(), hour)
            except Exception as why:  # noqa: BLE001 (one target's fault is not another's)
                self._report(why)

    def _second(self) -> None:
        self.tick()
        self.live.note()

    def page(self) -> bytes:
        """The metrics of this moment."""
        self.tick()
        self._publish()
        return generate_latest(self._registry)

    def families(self) -> list[Metric]:
        """The same, not as text."""
        self.tick()
        self._publish()
        return list(self._registry.collect())

    def samples(self) -> list[Sample]:
        """The same as of the last second, as values."""
        self._publish()
        return samples_of(self._registry.collect())

    def _publish(self) -> None:
        polling = self._polling()
        families = [family for polled in polling for family in self._of(polled) if family.samples]
        states = target_families(
            (polled.state() for polled in polling), self.discovery_up, self.errors.counts()
        )
        self._collector.publish(merged((*families, *states)))

    def _of(self, polled: PolledTarget) -> tuple[Family, ...]:
        try:
            return polled.families()
        except Exception as why:  # noqa: BLE001 (one target's fault is not another's)
            self._report(why)
            return ()

    def _polling(self) -> list[PolledTarget]:
        with self._lock:
            return list(self._targets.values())

    def _polled(self, target: Target) -> PolledTarget:
        pages = self._terms.pages(target)
        return PolledTarget(
            target.url,
            pages.sample,
            partial(self._begin, target),
            self._tell,
            labels={
                **dict(target.labels),
                **({"instance": target.instance} if self._terms.instances else {}),
            },
            interval_seconds=self._terms.interval_seconds,
            close=pages.close,
        )

    def _report(self, fault: Exception) -> None:
        self.errors.add("exporter")
        line = f"{type(fault).__name__}: {fault}"
        if line not in self._told and len(self._told) < 20:
            self._told.add(line)
            self._tell(line)

    def _begin(self, target: Target, sample: EngineSample, now: float, unix: float) -> TargetMeter:
        self._must_be_the_only(target, model_of(target, sample))
        self._must_be_another_process(target, sample)
        return self._beginning.begin(target, sample, now, unix)

    def _must_be_the_only(self, target: Target, model: str) -> None:
        """Two targets with the same series would be one replica, charged twice and shown once."""
        with self._lock:
            labels = sorted([*target.labels, ("instance", target.instance)])
            other = self._replicas.setdefault((model, tuple(labels)), target)
            if other != target and other in self._targets:
                raise PageError(
                    "duplicate",
                    f"{other.url} and {target.url} are both the model {model} at {target.instance}: one server twice? "
                    "name it once",
                )
            self._replicas[model, tuple(labels)] = target

    def _must_be_another_process(self, target: Target, sample: EngineSample) -> None:
        """A server behind two addresses, as of a pod and its service, is known by its start and its tokens. Servers
        that started in the same hundredth of a second and have served nothing yet may be two."""
        tokens = [count for each in sample.engines for count in (each.prompt_tokens, each.generated_tokens)]
        if sample.process is None or not any(tokens):
            return
        identity = (sample.engine, sample.model_name, sample.process, *tokens)
        with self._lock:
            other = self._processes.setdefault(identity, target)
            if other != target and other in self._targets:
                raise PageError(
                    "duplicate",
                    f"{other.url} and {target.url} are one server: the same start, the same tokens; name it once",
                )
            self._processes = {key: each for key, each in self._processes.items() if each in self._targets}
            self._processes[identity] = target
