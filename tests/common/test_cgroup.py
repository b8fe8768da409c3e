import math

import pytest
import torch

from common import cgroup, machine
from common.machine import WORKER_MEMORY, workers_on

CPU = torch.device("cpu")


def tree(root, groups, **files):
    """Write what /proc/self/cgroup says and files below /sys/fs/cgroup, whose names have _ for / and - for ."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, content in files.items():
        *folders, file = name.split("__")
        place = root.joinpath("sys/fs/cgroup", *folders)
        place.mkdir(parents=True, exist_ok=True)
        (place / file.replace("_DOT_", ".")).write_text(content + "\n")
    return root


def test_where_nothing_limits_there_is_no_limit(tmp_path):
    assert cgroup.cores(tmp_path) == cgroup.memory(tmp_path) == math.inf
    unlimited = {"cpu_DOT_max": "max 100000", "memory_DOT_max": "max"}
    root = tree(tmp_path, "0::/\n", **unlimited)
    assert cgroup.cores(root) == cgroup.memory(root) == math.inf


def test_the_least_of_all_groups_up_to_the_root_counts(tmp_path):
    root = tree(
        tmp_path,
        "0::/user.slice/job\n",
        **{
            "user.slice__job__cpu_DOT_max": "max 100000",
            "user.slice__job__memory_DOT_max": "8589934592",
            "user.slice__cpu_DOT_max": "150000 100000",
            "user.slice__memory_DOT_max": "4294967296",
            "cpu_DOT_max": "400000 100000",
        },
    )
    assert (cgroup.cores(root), cgroup.memory(root)) == (1.5, 2**32)


def test_in_a_container_that_sees_the_paths_outside_its_own_group_is_at_the_root(tmp_path):
    root = tree(tmp_path, "0::/docker/4d5d94\n", cpu_DOT_max="200000 100000", memory_DOT_max="1073741824")
    assert (cgroup.cores(root), cgroup.memory(root)) == (2.0, 2**30)


@pytest.mark.parametrize("mounted", ["cpu", "cpu,cpuacct"])
def test_the_first_version_of_control_groups_has_a_tree_a_controller(tmp_path, mounted):
    root = tree(
        tmp_path,
        "5:cpu,cpuacct:/docker/4d5d94\n4:memory:/docker/4d5d94\n1:name=systemd:/\n0::/\n",
        **{
            f"{mounted}__docker__4d5d94__cpu_DOT_cfs_quota_us": "250000",
            f"{mounted}__docker__4d5d94__cpu_DOT_cfs_period_us": "100000",
            f"{mounted}__cpu_DOT_cfs_quota_us": "-1",
            f"{mounted}__cpu_DOT_cfs_period_us": "100000",
            "memory__docker__4d5d94__memory_DOT_limit_in_bytes": "1610612736",
            "memory__memory_DOT_limit_in_bytes": "9223372036854771712",
        },
    )
    assert (cgroup.cores(root), cgroup.memory(root)) == (2.5, 1.5 * 2**30)


@pytest.mark.parametrize("odd", ["", "nonsense", "max", "0 0", "100000", "100000 x", "-1 100000"])
def test_files_that_say_nothing_limit_nothing(tmp_path, odd):
    root = tree(tmp_path, f"{odd}\nnonsense\n0::/\n", cpu_DOT_max=odd, memory_DOT_max=odd if odd != "100000" else "max")
    assert cgroup.cores(root) == cgroup.memory(root) == math.inf


@pytest.mark.parametrize(
    ("cores", "quota", "memory", "workers"),
    [
        (8, math.inf, math.inf, 8),
        (64, math.inf, math.inf, 16),
        (64, 2.0, math.inf, 2),
        (64, 1.5, math.inf, 2),
        (64, 0.25, math.inf, 1),
        (2, 4.0, math.inf, 2),
        (64, math.inf, 3.7 * WORKER_MEMORY, 3),
        (64, 8.0, 2.0 * WORKER_MEMORY, 2),
        (8, math.inf, 0.5 * WORKER_MEMORY, 1),
    ],
)
def test_as_many_processes_train_as_cores_quota_and_memory_allow(monkeypatch, cores, quota, memory, workers):
    monkeypatch.setattr(machine, "_cores", lambda: cores)
    monkeypatch.setattr(cgroup, "cores", lambda: quota)
    monkeypatch.setattr(cgroup, "memory", lambda: memory)
    assert workers_on(CPU) == workers
    assert workers_on(torch.device("cuda")) == 1


def test_the_cores_are_those_that_this_process_may_run_on(monkeypatch):
    monkeypatch.setattr(machine.os, "process_cpu_count", lambda: 3, raising=False)
    assert machine._cores() == 3
    monkeypatch.delattr(machine.os, "process_cpu_count")
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: {0, 5}, raising=False)
    assert machine._cores() == 2
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 7)
    assert machine._cores() == 7
