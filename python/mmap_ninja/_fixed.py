"""Attributes that follow from the files or from how a map was opened: what to do instead of assigning to them."""

_REOPEN = "is fixed when a map is opened; open the dataset again with another one"
_STORED = "follows from the stored samples, which change by `append`, `extend` and `m[i] = value`"
_UNKNOWN = "belongs to mmap_ninja 0.9; nothing here reads it"

ADVICE = {
    "memmap": (
        "always shows the file; to read from memory, copy the dataset to a directory in memory, such as /dev/shm, and open "
        "that, or keep `np.array(m.memmap)` in a variable of your own"
    ),
    **dict.fromkeys(("starts", "ends", "shapes", "flattened_shapes", "shapes_are_flat"), _STORED),
    **dict.fromkeys(("n", "range", "lengths", "nbytes", "dtype", "zstd_level"), _STORED),
    **dict.fromkeys(("out_dir", "data_file", "mode", "access", "durability", "timeout", "locking"), _REOPEN),
    **dict.fromkeys(("starts_key", "ends_key", "shapes_key", "flattened_shapes_key"), _REOPEN),
    **dict.fromkeys(("shapes_ctor", "shapes_extension_fn"), _UNKNOWN),
    **dict.fromkeys(("file", "buffer", "compressor", "decompressor"), _UNKNOWN),
}


def check_assignable(map_class: type, base: type, name: str) -> None:
    """Raise AttributeError for an attribute in `ADVICE`, unless a subclass defines one of that name."""
    if name in ADVICE and getattr(map_class, name, None) is getattr(base, name, None):
        raise AttributeError(f"{map_class.__name__}.{name} cannot be set: it {ADVICE[name]}")
