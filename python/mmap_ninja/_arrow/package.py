"""The import of pyarrow, which few need."""

from typing import Any


def pyarrow() -> Any:
    """The package pyarrow.

    Raises:
        ImportError: it is not installed; the message has the line that installs it.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError('Arrow needs pyarrow: pip install "mmap_ninja[arrow]>=1"') from error
    return pyarrow
