"""Ray on this machine, with two CPUs and little memory."""

import pytest

ray = pytest.importorskip("ray")

MEMORY = 100 << 20


def pytest_configure(config):
    # Ray warns of its own names, and leaves sockets to the end of the process.
    for category in ("DeprecationWarning", "FutureWarning", "ResourceWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{category}")


@pytest.fixture(scope="module")
def local():
    ray.init(
        num_cpus=2,
        object_store_memory=MEMORY,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()
