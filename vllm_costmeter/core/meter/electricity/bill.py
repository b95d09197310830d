"""Cost and emissions of a tick's energy, by engine."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.meter.electricity.energy import EnergyMeter, EnergyTick
from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import EnergyProblem, EnergySource
from vllm_costmeter.core.pricing.price import JOULES_PER_KILOWATT_HOUR, Electricity


class EnergyBill:
    """Energy of the server's GPUs, divided among its engines; dollars and grams of what is charged.

    A shared GPU (gpu_share below 1) is measured as a whole and charged by its share.
    """

    def __init__(
        self,
        *,
        engines: int,
        gpus_per_engine: int,
        electricity: Electricity | None,
        gpu_share: float,
        grid_gco2e_per_kwh: float | None,
        tdp_watts: float | None,
    ) -> None:
        self._engines = engines
        self._gpus_per_engine = gpus_per_engine
        self._electricity = electricity
        self._gpu_share = gpu_share
        self._grid_gco2e_per_kwh = grid_gco2e_per_kwh
        self.is_charged = electricity is not None or grid_gco2e_per_kwh is not None
        """Whether anything is charged based on energy."""
        self._energy = EnergyMeter(engines * gpus_per_engine, tdp_watts if self.is_charged else None)
        self._tick = EnergyTick((), 0.0)
        self._carbon_grams = ExactSum()
        self._pue = 1.0 if electricity is None else electricity.pue

    def advance(self, elapsed_seconds: float, readings: GpuReadings) -> None:
        """Measure the tick."""
        self._tick = self._energy.advance(elapsed_seconds, readings)
        if self._grid_gco2e_per_kwh is not None:
            joules = (sum(self._tick.joules) + self._tick.unseen_joules) * self._gpu_share * self._pue
            self._carbon_grams.add(joules / JOULES_PER_KILOWATT_HOUR * self._grid_gco2e_per_kwh)

    def engine_usd(self, position: int, hour_of_day: int) -> float | None:
        """Cost of the tick's energy of the engine at `position`; None if electricity is not charged or its amount is
        unknown.

        GPUs are in the order of the ranks, so an engine's GPUs are known if all are visible; otherwise the engines
        share the energy equally.
        """
        if self._electricity is None or not self._energy.is_known():
            return None
        joules = self._engine_joules(position, self._tick.joules, self._tick.unseen_joules)
        return self._electricity.usd(joules, hour_of_day)

    def engine_joules(self, position: int) -> float | None:
        """Measured energy of the tick of the engine at `position`; None if none was ever measured."""
        if not self._energy.measured_joules():
            return None
        return self._engine_joules(position, self._tick.measured_joules, 0.0)

    def _engine_joules(self, position: int, joules: tuple[float, ...], unseen: float) -> float:
        if len(joules) == self._engines * self._gpus_per_engine:
            first = position * self._gpus_per_engine
            own = sum(joules[first : first + self._gpus_per_engine])
        else:
            own = (sum(joules) + unseen) / self._engines
        return own * self._gpu_share

    def usd_per_hour(self, hour_of_day: int) -> float | None:
        """At the current power and tariff."""
        watts = self._energy.watts()
        if self._electricity is None or watts is None:
            return None
        return self._electricity.usd(watts * self._gpu_share * 3600, hour_of_day)

    def carbon_grams(self) -> float | None:
        """gCO2e so far; None without a carbon intensity or any energy value."""
        if self._grid_gco2e_per_kwh is None or not self._energy.is_known():
            return None
        return self._carbon_grams.value

    def measured_joules(self) -> Mapping[str, float]:
        return self._energy.measured_joules()

    def sources(self) -> Mapping[str, EnergySource]:
        """By GPU, if anything is charged based on energy; otherwise empty."""
        return self._energy.sources() if self.is_charged else {}

    def problem(self) -> EnergyProblem | None:
        """Why some energy that should be charged is not."""
        return self._energy.problem() if self.is_charged else None
