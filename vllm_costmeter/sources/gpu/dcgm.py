"""NVIDIA's GPUs as dcgm-exporter publishes them, where the driver itself is not visible. Calls block for a few seconds
at most; see `reader.py`."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import GpuSample
from vllm_costmeter.sources.gpu.container_gpus import container_gpus
from vllm_costmeter.sources.gpu.dcgm_page import METRICS, ExportedGpu, exported_gpus
from vllm_costmeter.sources.gpu.driver import DriverError

DEFAULT_URL = "http://localhost:9400/metrics"
"""The exporter's default port and path."""
TIMEOUT_SECONDS = 3.0
"""Below the time after which the reader calls a source hung (`STALE_SECONDS`)."""
MOST_BYTES = 8 << 20  # a machine of 16 GPUs with all 70 fields and Kubernetes labels has about 0.5 MiB
ROUND_SECONDS = 0.5
"""Within this time the same error is given for all GPUs; the reader reads once a second."""
PAGE_SECONDS = 5.0
"""How long a page is used. The exporter renews its values every 30 s unless told otherwise (`--collect-interval`)."""


class DcgmDriver:
    """The GPUs on an exporter's page. Behaves like a driver's library: `open` reads the page once."""

    name = "dcgm"

    def __init__(
        self,
        url: str = DEFAULT_URL,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        page_seconds: float = PAGE_SECONDS,
    ) -> None:
        self._url = url
        self._environ = environ
        self._clock = clock
        self._page_seconds = page_seconds
        self._gpus: dict[str, ExportedGpu] = {}
        self._read_at = 0.0
        self._fault: tuple[float, DriverError] | None = None
        self._counters: dict[str, float] = {}

    def open(self) -> None:
        """Read the page. DriverError if it cannot be read or is no page of dcgm-exporter."""
        self._gpus = self._page()

    def devices(self) -> tuple[GpuDevice, ...]:
        """The GPUs of this container. DriverError if they cannot be told from the machine's others."""
        return container_gpus(tuple(self._gpus.values()), self._environ)

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        """From the latest page. The energy counter is given only when it has moved, as the exporter's values stand
        still between its collections: power stands in for it until then."""
        if self._clock() - self._read_at >= self._page_seconds:
            self._read_again()
        exported = self._gpus.get(gpu.device.uuid)
        if exported is None:
            raise DriverError(f"dcgm-exporter no longer lists GPU {gpu.label}", "gpu_lost")
        sample = exported.sample(None if gpu.slice is None else gpu.slice.gpu_instance_id)
        if sample == GpuSample():
            raise DriverError(f"dcgm-exporter has no values for GPU {gpu.label}")
        counter = sample.energy_counter_joules
        if counter is not None:
            before = self._counters.setdefault(gpu.uuid, counter)
            self._counters[gpu.uuid] = counter
            if counter == before:
                return replace(sample, energy_counter_joules=None)
        return sample

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        """None: the exporter publishes no processes."""
        return ()

    def close(self) -> None:
        """Nothing is held open."""

    def _read_again(self) -> None:
        """Once a round: a page that could not be read for one GPU is not waited for again for the next."""
        if self._fault is not None and self._clock() - self._fault[0] < ROUND_SECONDS:
            raise self._fault[1]
        try:
            self._gpus = self._page()
        except DriverError as fault:
            self._fault = self._clock(), fault
            raise

    def _page(self) -> dict[str, ExportedGpu]:
        from vllm_costmeter.sources.servers.metrics_text import parse_page

        text = self._fetch()
        lines = [line for line in text.split("\n") if line.startswith(METRICS)]
        if not lines:
            raise DriverError(f"{self._url} has none of dcgm-exporter's metrics, such as {METRICS[0]}")
        try:
            page = parse_page("\n".join(lines), self._url)
        except BadInputError as fault:
            raise DriverError(str(fault)) from None
        gpus = exported_gpus(page.samples)
        if not gpus:
            raise DriverError(f"{self._url} names no GPU by its UUID", "gpu_missing")
        self._read_at = self._clock()
        return {gpu.uuid: gpu for gpu in gpus}

    def _fetch(self) -> str:
        """The page's text, within limits on time and size. A redirect is not followed: it leads to another host;
        nor is a proxy asked for a page beside the server."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        request = urllib.request.Request(self._url, headers={"User-Agent": "costmeter"})
        try:
            opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                content = b""
                while part := answer.read1(1 << 16):
                    content += part
                    if len(content) > MOST_BYTES:
                        raise DriverError(f"{self._url} has more than {MOST_BYTES >> 20} MiB")
                    if time.monotonic() > deadline:
                        raise TimeoutError
        except urllib.error.HTTPError as fault:
            raise DriverError(f"{self._url} responded with {fault.code}") from None
        except TimeoutError:
            raise self._no_answer() from None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            reason = getattr(fault, "reason", fault)
            if isinstance(reason, TimeoutError):
                raise self._no_answer() from None
            why = getattr(reason, "strerror", None) or str(reason) or type(fault).__name__
            raise DriverError(f"{self._url} cannot be read: {why}", "no_answer") from None
        return content.decode("utf-8", errors="replace")

    def _no_answer(self) -> DriverError:
        return DriverError(f"{self._url} did not respond within {TIMEOUT_SECONDS:g} s", "no_answer")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """None makes urllib raise the redirect as an HTTPError."""
