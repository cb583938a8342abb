"""The import of Ray, which few need."""

from typing import Any


def ray_data() -> Any:
    """The module `ray.data`.

    Raises:
        ImportError: it is not installed; the message has the line that installs it.
    """
    try:
        import pyarrow as _  # noqa: F401 - Ray itself installs without it.
        import ray.data
    except ImportError as error:
        raise ImportError('Ray needs its package with data: pip install "mmap_ninja[ray]>=1"') from error
    return ray.data
