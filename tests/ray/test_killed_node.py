"""A write on a cluster of two nodes, one of which is killed in the middle."""

import os
import sys
import time
from threading import Thread

import numpy as np
import pytest
from mmap_ninja import RecordsMmap

pytest.importorskip("ray.data", reason="needs Ray")
import ray
from mmap_ninja import ray as ray_ninja
from ray.cluster_utils import Cluster

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

TASKS, ROWS = 12, 10
MEMORY = 100 << 20


@pytest.fixture
def cluster():
    nodes = {"num_cpus": 1, "object_store_memory": MEMORY}
    made = Cluster(initialize_head=True, head_node_args=nodes | {"include_dashboard": False})
    other = made.add_node(**nodes)
    ray.init(address=made.address, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield made, other
    ray.shutdown()
    made.shutdown()


def wait_until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def sample(index):
    return {"id": index, "image": np.full((2, index % 3 + 1, 3), index, np.uint8)}


def test_a_node_that_is_killed_in_the_middle_of_a_write_costs_nothing_but_time(cluster, tmp_path):
    made, doomed = cluster
    (tmp_path / "log").mkdir()

    def slowly(batch):
        node, task = ray.get_runtime_context().get_node_id(), batch["id"][0] // ROWS
        attempt = len(os.listdir(tmp_path / "log"))
        for index in range(0, len(batch["id"]), 5):
            (tmp_path / "log" / f"{node} {task} {attempt} {index}").touch()
            time.sleep(0.15)
            found = [sample(int(each)) for each in batch["id"][index : index + 5]]
            yield {name: [each[name] for each in found] for name in ("id", "image")}
        (tmp_path / "log" / f"{node} {task} {attempt} done").touch()

    def log():
        return [name.split() for name in os.listdir(tmp_path / "log")]

    dataset = ray.data.range(TASKS * ROWS, override_num_blocks=TASKS).map_batches(slowly, batch_size=None)
    written = []
    thread = Thread(target=lambda: written.append(ray_ninja.write(dataset, tmp_path / "out")))
    thread.start()
    # One task has ended there, and another is at work.
    wait_until(
        lambda: (
            "done" in {state for node, _, _, state in log() if node == doomed.node_id}
            and len({task for node, task, _, _ in log() if node == doomed.node_id}) > 1
        )
    )
    killed_at = len(log())
    made.remove_node(doomed, allow_graceful=False)
    assert not (tmp_path / "out").exists()
    thread.join(120)
    assert not thread.is_alive()

    there = {task for node, task, _, _ in log() if node == doomed.node_id}
    elsewhere = {task for node, task, _, _ in log() if node != doomed.node_id}
    assert there & elsewhere, "no task was repeated"
    assert len(log()) > killed_at
    assert sorted(os.listdir(tmp_path)) == ["log", "out"]
    records = RecordsMmap(tmp_path / "out")
    assert len(records) == len(written[0]) == TASKS * ROWS
    for index, found in enumerate(records):
        assert found["id"] == index
        assert np.array_equal(found["image"], sample(index)["image"])
