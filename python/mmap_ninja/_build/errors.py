"""Notes on errors."""

import warnings


def note(error: BaseException, text: str) -> None:
    """Add a line to the message of an exception."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    else:  # Python 3.10
        warnings.warn(text, RuntimeWarning, stacklevel=2)
