"""GPUs: NVML, the kernel's folders and `ioreg` say what they say; we say it in W&B's words."""

from __future__ import annotations

import plistlib
import types
from pathlib import Path
from typing import Any

import pynvml
import pytest

from rltrack.capture.gpu import Amd, Nvidia, amd_cards, apple_statistics, find_gpus


class Driver:
    """NVML of a machine with two GPUs, as far as we ask it; its constants and errors are real."""

    def __init__(self) -> None:
        self.lost: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("NVML"):
            return getattr(pynvml, name)
        raise AttributeError(name)

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"570.1"

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{'ab'[handle]}000"

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "H100"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        if handle in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return types.SimpleNamespace(total=80 << 30, used=20 << 30)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return types.SimpleNamespace(gpu=90 + handle, memory=40)

    def nvmlDeviceGetTemperature(self, handle: int, kind: int) -> int:
        return 61

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return 350_000

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: int) -> int:
        return 700_000

    def nvmlDeviceGetClockInfo(self, handle: int, kind: int) -> int:
        return {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 2619}[kind]

    def nvmlDeviceGetFanSpeed(self, handle: int) -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)  # it has none

    def nvmlDeviceGetEncoderUtilization(self, handle: int) -> tuple[int, int]:
        return 5, 100_000

    def nvmlDeviceGetTotalEccErrors(self, handle: int, kind: int, since: int) -> int:
        return 0

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:
        return [
            types.SimpleNamespace(pid=7, usedGpuMemory=8 << 30),
            types.SimpleNamespace(pid=8, usedGpuMemory=None),
        ]


def test_a_gpu_is_told_in_the_words_of_wandb() -> None:
    """What it does not tell, a fan of one that has none, is left out."""
    gpus = Nvidia(Driver(), ["1"], pytest.fail)

    assert gpus.facts() == [
        {
            "index": 1,
            "name": "H100",
            "uuid": "GPU-b000",
            "memory_bytes": 80 << 30,
            "driver": "570.1",
        }
    ]
    for _ in range(2):
        assert gpus.sample([7, 9]) == {
            "gpu.1.gpu": 91,
            "gpu.1.memory": 40,
            "gpu.1.memoryAllocated": 25.0,
            "gpu.1.memoryAllocatedBytes": 20 << 30,
            "gpu.1.temp": 61,
            "gpu.1.powerWatts": 350.0,
            "gpu.1.enforcedPowerLimitWatts": 700.0,
            "gpu.1.powerPercent": 50.0,
            "gpu.1.smClock": 1980,
            "gpu.1.memoryClock": 2619,
            "gpu.1.encoderUtilization": 5,
            "gpu.1.correctedMemoryErrors": 0,
            "gpu.1.uncorrectedMemoryErrors": 0,
            "gpu.process.1.memoryAllocatedBytes": 8 << 30,
            "gpu.process.1.memoryAllocated": 10.0,
        }


@pytest.mark.parametrize(
    ("visible", "numbers"),
    [
        (None, [0, 1]),
        ("", []),
        ("1", [1]),
        ("1,0", [0, 1]),
        ("GPU-b", [1]),
        ("-1", []),
        ("0,none,1", [0]),
    ],
)
def test_only_gpus_that_the_program_may_use_are_sampled(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, numbers: list[int]
) -> None:
    """As CUDA reads CUDA_VISIBLE_DEVICES."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert [one["index"] for one in Nvidia(Driver(), None, pytest.fail).facts()] == numbers


def test_a_gpu_that_is_lost_is_told_once_and_the_others_go_on() -> None:
    """A card that fell off the bus answers every question with an error."""
    driver = Driver()
    troubles: list[str] = []
    gpus = Nvidia(driver, ["0", "1"], troubles.append)
    gpus.sample([])
    driver.lost.add(0)

    for _ in range(3):
        values = gpus.sample([])

    assert [trouble.partition(":")[0] for trouble in troubles] == ["GPU 0 is sampled no further"]
    assert "gpu.1.gpu" in values
    assert "gpu.0.gpu" not in values


def test_a_machine_without_gpus_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is said of it."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    assert [fact for gpus in find_gpus(None, pytest.fail) for fact in gpus.facts()] == []


def test_amds_gpus_are_read_from_the_kernel(tmp_path: Path) -> None:
    """Outputs of cards, and cards of others, are none."""
    files = {
        "card0/device/vendor": "0x1002",
        "card0/device/gpu_busy_percent": "37",
        "card0/device/mem_info_vram_used": str(4 << 30),
        "card0/device/mem_info_vram_total": str(16 << 30),
        "card0/device/product_name": "Instinct",
        "card0/device/hwmon/hwmon3/temp1_input": "55000",
        "card0/device/hwmon/hwmon3/power1_average": "150000000",
        "card0/device/hwmon/hwmon3/power1_cap": "300000000",
        "card0-DP-1/status": "connected",
        "card1/device/vendor": "0x10de",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    gpus = Amd(amd_cards(tmp_path))

    assert gpus.facts() == [{"index": 0, "name": "Instinct", "memory_bytes": 16 << 30}]
    assert gpus.sample(()) == {
        "gpu.0.gpu": 37,
        "gpu.0.memoryAllocated": 25.0,
        "gpu.0.memoryAllocatedBytes": 4 << 30,
        "gpu.0.temp": 55.0,
        "gpu.0.powerWatts": 150.0,
        "gpu.0.enforcedPowerLimitWatts": 300.0,
        "gpu.0.powerPercent": 50.0,
    }


def test_apples_gpu_is_read_from_what_ioreg_lists() -> None:
    """Where that is no list, there is nothing."""
    told = {"PerformanceStatistics": {"Device Utilization %": 12, "In use system memory": 1 << 20}}

    assert apple_statistics(plistlib.dumps([{}, told])) == {
        "gpu.0.gpu": 12,
        "gpu.0.memoryAllocatedBytes": 1 << 20,
    }
    assert apple_statistics(b"") == apple_statistics(b"no plist") == {}
    assert apple_statistics(plistlib.dumps({"a": 1})) == {}
