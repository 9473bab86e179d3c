"""What started the process: a scheduler, a launcher, a container. By names known beforehand.

An environment is full of secrets, so nothing of it is recorded but what is named here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rltrack.journal.records import Json

#: Of each kind the variables, without what their names begin with.
_VARIABLES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "slurm": (
        "SLURM_",
        (
            *("JOB_ID", "JOB_NAME", "JOB_PARTITION", "JOB_NODELIST", "JOB_NUM_NODES", "JOB_QOS"),
            *("ARRAY_JOB_ID", "ARRAY_TASK_ID", "CLUSTER_NAME", "NODEID", "PROCID", "LOCALID"),
            *("NTASKS", "CPUS_PER_TASK", "CPUS_ON_NODE", "MEM_PER_NODE", "MEM_PER_CPU"),
            *("GPUS", "GPUS_ON_NODE", "RESTART_COUNT", "SUBMIT_DIR", "SUBMIT_HOST"),
        ),
    ),
    "pbs": ("PBS_", ("JOBID", "JOBNAME", "QUEUE", "NP", "NUM_PPN", "O_HOST", "ARRAY_INDEX")),
    "lsf": ("LSB_", ("JOBID", "JOBNAME", "QUEUE", "JOBINDEX", "HOSTS")),
    "torchrun": (
        "",
        (
            *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK"),
            *("MASTER_ADDR", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_RUN_ID"),
        ),
    ),
    "kubernetes": (
        "",
        ("POD_NAME", "POD_NAMESPACE", "NODE_NAME", "JOB_NAME", "JOB_COMPLETION_INDEX"),
    ),
    "colab": ("COLAB_", ("RELEASE_TAG",)),
    "cuda": ("", ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING")),
    "threads": ("", ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")),
    "python": ("PYTHON", ("HASHSEED", "OPTIMIZE")),
}


def cluster_facts(
    environ: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> dict[str, Json]:
    """What is known, by kind; nothing of what is not there.

    Args:
        environ: the environment.
        root: of the file system.
    """
    found: dict[str, Json] = {}
    for kind, (prefix, names) in _VARIABLES.items():
        values: dict[str, Json] = {
            name.lower(): environ[prefix + name] for name in names if environ.get(prefix + name)
        }
        if values:
            found[kind] = values
    if "KUBERNETES_SERVICE_HOST" not in environ:
        found.pop("kubernetes", None)  # names that mean something else, elsewhere
    elif "kubernetes" not in found:
        found["kubernetes"] = {"pod_name": environ.get("HOSTNAME", "")}
    if container := _container(environ, root):
        found["container"] = container
    return found


def _container(environ: Mapping[str, str], root: Path) -> dict[str, Json] | None:
    if environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER"):
        image = environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER", "")
        return {"kind": "apptainer", "image": os.path.basename(image)}
    if (root / "run/.containerenv").exists():
        return {"kind": "podman"} | _named(environ)
    if (root / ".dockerenv").exists():
        return {"kind": "docker"} | _named(environ)
    return {"kind": "unknown"} | _named(environ) if _named(environ) else None


def _named(environ: Mapping[str, str]) -> dict[str, Json]:
    """The image, which only a user can tell: as with W&B, by ``WANDB_DOCKER``."""
    image = environ.get("RLTRACK_DOCKER") or environ.get("WANDB_DOCKER")
    return {"image": image} if image else {}
