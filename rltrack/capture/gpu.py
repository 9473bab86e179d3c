"""GPUs: NVIDIA's through NVML, AMD's through what the kernel shows, Apple's through `ioreg`.

    gpu.<n>.gpu                     % of time in which something ran on it
    gpu.<n>.memory                  % of time in which its memory was read or written
    gpu.<n>.memoryAllocated         % of its memory, and memoryAllocatedBytes
    gpu.<n>.temp                    °C
    gpu.<n>.powerWatts              and powerPercent, of enforcedPowerLimitWatts
    gpu.<n>.smClock                 MHz, and memoryClock
    gpu.<n>.fanSpeed                %, and encoderUtilization
    gpu.<n>.correctedMemoryErrors   since the driver was loaded, and uncorrectedMemoryErrors
    gpu.process.<n>.memoryAllocated % of its memory that the program has, and memoryAllocatedBytes

What a GPU does not tell is left out. A driver that fails is not asked again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from rltrack.journal.records import Json

_MB: Final = 1 << 20


class Gpus(Protocol):
    """All GPUs of one maker."""

    def facts(self) -> list[dict[str, Json]]:
        """What they are."""

    def sample(self, pids: Collection[int]) -> dict[str, float]:
        """What they do; `pids` are the processes of the program."""


def find_gpus(ids: Sequence[str] | None, trouble: Callable[[str], None]) -> list[Gpus]:
    """The GPUs of this machine; none is no trouble.

    Args:
        ids: numbers of those that are meant; None for those that the program may use.
        trouble: told in words, once, what cannot be sampled, and why.
    """
    found: list[Gpus] = []
    if (nvidia := _nvidia(ids, trouble)) is not None:
        found.append(nvidia)
    if cards := amd_cards():
        found.append(Amd(cards))
    if sys.platform == "darwin":
        found.append(Apple())
    return found


# -- NVIDIA --------------------------------------------------------------------------------------


def _nvidia(ids: Sequence[str] | None, trouble: Callable[[str], None]) -> Nvidia | None:
    if not _has_nvidia_driver():
        return None
    try:
        import pynvml
    except ImportError:
        trouble("GPUs are not sampled: type: pip install nvidia-ml-py")
        return None
    try:
        pynvml.nvmlInit()
        return Nvidia(pynvml, ids, trouble)
    except pynvml.NVMLError as fault:
        # A driver without a GPU, which many machines have, is none.
        quiet = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        if fault.value not in quiet:
            trouble(f"GPUs are not sampled: {fault}")
        return None


def _has_nvidia_driver() -> bool:
    """Whether NVML is there; cheap, where its Python module takes long to load."""
    import ctypes

    name = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


class Nvidia:
    """NVIDIA's GPUs.

    Args:
        nvml: the module `pynvml`, initialized.
        ids: numbers of those that are meant; None for those that the program may use.
        trouble: told once if a GPU stops to answer.
    """

    def __init__(
        self, nvml: Any, ids: Sequence[str] | None, trouble: Callable[[str], None]
    ) -> None:
        self._nvml = nvml
        self._trouble = trouble
        self._devices = []
        for number in range(nvml.nvmlDeviceGetCount()):
            with contextlib.suppress(nvml.NVMLError):  # one that is lost
                device = _NvidiaDevice(nvml, number)
                if ids is None or str(number) in ids:
                    self._devices.append(device)
        if ids is None and (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
            named = [word.strip() for word in visible.split(",") if word.strip()]
            self._devices = [device for device in self._devices if device.is_one_of(named)]

    def facts(self) -> list[dict[str, Json]]:
        """What they are."""
        driver = _text(self._nvml.nvmlSystemGetDriverVersion())
        return [device.facts() | {"driver": driver} for device in self._devices]

    def sample(self, pids: Collection[int]) -> dict[str, float]:
        """What they do."""
        values: dict[str, float] = {}
        for device in list(self._devices):
            try:
                values.update(device.sample(pids))
            except self._nvml.NVMLError as fault:
                self._devices.remove(device)
                self._trouble(f"GPU {device.number} is sampled no further: {fault}")
        return values


class _NvidiaDevice:
    """One of them."""

    def __init__(self, nvml: Any, number: int) -> None:
        self.number = number
        self._nvml = nvml
        self._handle = handle = nvml.nvmlDeviceGetHandleByIndex(number)
        self._uuid = _text(nvml.nvmlDeviceGetUUID(handle))
        self._memory_bytes: int = nvml.nvmlDeviceGetMemoryInfo(handle).total
        self._readings: list[Callable[[], Mapping[str, float]]] = [
            self._utilization,
            self._memory,
            lambda: {"temp": nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)},
            self._power,
            lambda: {"smClock": nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)},
            lambda: {"memoryClock": nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)},
            lambda: {"fanSpeed": nvml.nvmlDeviceGetFanSpeed(handle)},
            lambda: {"encoderUtilization": nvml.nvmlDeviceGetEncoderUtilization(handle)[0]},
            lambda: {"correctedMemoryErrors": self._errors(nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED)},
            lambda: {
                "uncorrectedMemoryErrors": self._errors(nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED)
            },
        ]
        self._knows_processes = True

    def is_one_of(self, named: Sequence[str]) -> bool:
        """Whether ``CUDA_VISIBLE_DEVICES`` names it; up to the first word that names none, as CUDA does."""
        for word in named:
            if word.startswith(("GPU-", "MIG-")):
                if self._uuid.startswith(word):
                    return True
            elif not word.isdigit():
                return False
            elif int(word) == self.number:
                return True
        return False

    def facts(self) -> dict[str, Json]:
        """What it is."""
        name = _text(self._nvml.nvmlDeviceGetName(self._handle))
        return {
            "index": self.number,
            "name": name,
            "uuid": self._uuid,
            "memory_bytes": self._memory_bytes,
        }

    def sample(self, pids: Collection[int]) -> dict[str, float]:
        """What it does."""
        nvml = self._nvml
        untold = (
            nvml.NVML_ERROR_NOT_SUPPORTED,
            nvml.NVML_ERROR_NO_PERMISSION,
            nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
            nvml.NVML_ERROR_INVALID_ARGUMENT,
        )
        values: dict[str, float] = {}
        for reading in list(self._readings):
            try:
                found = reading()
            except nvml.NVMLError as fault:
                if fault.value not in untold:
                    raise
                self._readings.remove(reading)
                continue
            values |= {f"gpu.{self.number}.{name}": value for name, value in found.items()}
        if self._knows_processes:
            try:
                values |= self._own_memory(pids)
            except nvml.NVMLError:
                self._knows_processes = False
        return values

    def _utilization(self) -> dict[str, float]:
        rates = self._nvml.nvmlDeviceGetUtilizationRates(self._handle)
        return {"gpu": rates.gpu, "memory": rates.memory}

    def _memory(self) -> dict[str, float]:
        used = self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used
        share = 100 * used / self._memory_bytes if self._memory_bytes else 0.0
        return {"memoryAllocated": share, "memoryAllocatedBytes": used}

    def _power(self) -> dict[str, float]:
        watts = self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000
        limit = self._nvml.nvmlDeviceGetEnforcedPowerLimit(self._handle) / 1000
        return {
            "powerWatts": watts,
            "enforcedPowerLimitWatts": limit,
            "powerPercent": 100 * watts / limit if limit else 0.0,
        }

    def _errors(self, kind: int) -> int:
        count = self._nvml.nvmlDeviceGetTotalEccErrors(
            self._handle, kind, self._nvml.NVML_VOLATILE_ECC
        )
        return int(count)

    def _own_memory(self, pids: Collection[int]) -> dict[str, float]:
        running = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        # In a container it may tell the numbers of another namespace, and then none is ours.
        own = [one.usedGpuMemory or 0 for one in running if one.pid in pids]
        if not own:
            return {}
        name = f"gpu.process.{self.number}"
        return {
            f"{name}.memoryAllocatedBytes": sum(own),
            f"{name}.memoryAllocated": 100 * sum(own) / max(1, self._memory_bytes),
        }


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


# -- AMD -----------------------------------------------------------------------------------------


def amd_cards(drm: Path = Path("/sys/class/drm")) -> list[Path]:
    """The folders in which the kernel tells of AMD's GPUs, without a library of theirs."""
    found = []
    with contextlib.suppress(OSError):
        for card in sorted(drm.glob("card*")):
            device = card / "device"
            is_amd = card.name[4:].isdigit() and _read(device / "vendor") == "0x1002"
            if is_amd and (device / "gpu_busy_percent").exists():
                found.append(device)
    return found


class Amd:
    """AMD's GPUs."""

    def __init__(self, devices: Sequence[Path]) -> None:
        self._devices = devices
        self._sensors = [next(iter(device.glob("hwmon/hwmon*")), None) for device in devices]

    def facts(self) -> list[dict[str, Json]]:
        """What they are."""
        return [
            {
                "index": number,
                "name": _read(device / "product_name") or "AMD GPU",
                "memory_bytes": _number(device / "mem_info_vram_total"),
            }
            for number, device in enumerate(self._devices)
        ]

    def sample(self, pids: Collection[int]) -> dict[str, float]:
        """What they do."""
        values: dict[str, float] = {}
        for number, (device, sensors) in enumerate(zip(self._devices, self._sensors, strict=True)):
            for name, value in self._of(device, sensors):
                values[f"gpu.{number}.{name}"] = value
        return values

    @staticmethod
    def _of(device: Path, sensors: Path | None) -> Iterator[tuple[str, float]]:
        for name, file in (("gpu", "gpu_busy_percent"), ("memory", "mem_busy_percent")):
            if (busy := _number(device / file)) is not None:
                yield name, busy
        used, total = (_number(device / f"mem_info_vram_{word}") for word in ("used", "total"))
        if used is not None and total:
            yield "memoryAllocated", 100 * used / total
            yield "memoryAllocatedBytes", used
        if sensors is None:
            return
        if (thousandths := _number(sensors / "temp1_input")) is not None:
            yield "temp", thousandths / 1000
        power = _number(sensors / "power1_average") or _number(sensors / "power1_input")
        if power is not None:
            yield "powerWatts", power / 1e6
            if cap := _number(sensors / "power1_cap"):
                yield "enforcedPowerLimitWatts", cap / 1e6
                yield "powerPercent", 100 * power / cap


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text is not None and text.isdigit() else None


# -- Apple ---------------------------------------------------------------------------------------


class Apple:
    """The GPU of a Mac, as far as it tells without an administrator: by the command `ioreg`."""

    def facts(self) -> list[dict[str, Json]]:
        """What it is."""
        return [{"index": 0, "name": "Apple GPU"}] if self.sample(()) else []

    def sample(self, pids: Collection[int]) -> dict[str, float]:
        """What it does."""
        import subprocess

        command = ["ioreg", "-r", "-d", "1", "-c", "IOAccelerator", "-a"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=5, check=True)
        except (OSError, subprocess.SubprocessError):
            return {}
        return apple_statistics(done.stdout)


def apple_statistics(listing: bytes) -> dict[str, float]:
    """What `ioreg` says of the GPU."""
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        accelerators = plistlib.loads(listing)
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return {}
    names = {"Device Utilization %": "gpu", "In use system memory": "memoryAllocatedBytes"}
    for accelerator in accelerators if isinstance(accelerators, list) else ():
        statistics = accelerator.get("PerformanceStatistics", {})
        found = {ours: statistics[name] for name, ours in names.items() if name in statistics}
        if found:
            return {f"gpu.0.{name}": value for name, value in found.items()}
    return {}
