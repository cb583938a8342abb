"""Untrusted directories: seeded changes of every member."""

import json
import os
import shutil
import socket
import struct
import zlib
from pathlib import Path

from place import remove

# Numbers at the edges of what counts, offsets and sizes can be.
EDGES = [0, 1, 2, 3, 7, 8, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**60, 2**61, 2**62, 2**63 - 1]
EDGES += [2**63, 2**64 - 1, 2**64 - 2, 2**64 - 8]
SIZES = [0, 1, 7, 8, 9, 4095, 4096, 4097, 65536, 65537, 2**24, 2**31, 2**32 + 8, 2**40, 2**44]
NESTED = "[" * 30_000 + "]" * 30_000
DTYPES = [
    "float32",
    "int64",
    "uint8",
    "bool",
    "complex256",
    ">i4",
    "<U10",
    "|S5",
    "|V3",
    "bfloat16",
    "float128",
]
DTYPES += [
    "datetime64[ns]",
    "datetime64[0s]",
    "M8[s],O",
    "object",
    "O",
    "f4[s]",
    "U2[",
    "<U",
    "S0",
    "<U0",
    "V0",
]
DTYPES += [
    "<U2147483647",
    "|S4294967295",
    "|V99999999999999999999",
    "i3",
    "",
    " ",
    "\n",
    "float32\n",
    "\0",
    "f8,f8",
]
DTYPES += [
    '[["a", "<i4"]]',
    '[["a", "<i4", [3]]]',
    '[["a", "|O"]]',
    '[["a", "<i4", [4294967296, 4294967296]]]',
]
DTYPES += [
    '[["a", "<i4"], ["a", "<i4"]]',
    '[["", "|V0"]]',
    '[["a", [["b", "<i4"]]]]',
    "[]",
    "[[]]",
    "{}",
    "null",
]
DTYPES += [NESTED, '[["a", ' * 500 + '"i4"' + "]]" * 500, '[["a", "<i4", [-1]]]', "float32" * 10_000]
TEXTS = {
    "type.ninja": [
        "numpy",
        "ragged",
        "records",
        "string",
        "strings",
        "",
        " ragged\n",
        "RAGGED",
        "numpy\0",
        "x" * 70_000,
    ],
    "dtype.ninja": DTYPES,
    "order.ninja": ["C", "F", "K", "", "CF", " C\n"],
    "zstd_level.ninja": ["1", "22", "-1", "0", "", "three", "99999999999", "-131073", "3\n", "9" * 70_000],
}
FIELD_NAMES = [
    "tokens",
    "label",
    "name",
    "Tokens",
    "..",
    "../place",
    "/etc",
    "a\0b",
    "",
    ".hidden",
    "x" * 300,
    "starts",
]
ELSEWHERE = [
    "/dev/zero",
    "/dev/urandom",
    "/dev/null",
    "/etc/passwd",
    "/proc/self/mem",
    "/proc/self/maps",
    ".",
]
ELSEWHERE += ["..", "missing", "data.ninja", "starts", "../starts/data.ninja"]


def mutate(place, rng):
    """Change the directory at random; what was done, in words."""
    weights = [weight for _, weight in MUTATIONS]
    chosen = rng.choices([change for change, _ in MUTATIONS], weights, k=rng.choice([1, 1, 1, 2, 3]))
    done = []
    for change in chosen:
        try:
            done.append(f"{change.__name__}: {change(place, rng)}")
        except OSError as error:  # An earlier change removed what this one needs.
            done.append(f"{change.__name__}: not possible ({error})")
    return done


def some_bytes(place, rng):
    name = rng.choice(place.files)
    content = bytearray(place.read(name))
    for _ in range(rng.choice([1, 1, 2, 8])):
        if content:
            content[rng.randrange(len(content))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    place.write(name, content)
    return name


def a_number(place, rng):
    """Counts, offsets, lengths and shapes: eight bytes somewhere."""
    name = rng.choice([name for name in place.files if "data" in name or "shape" in name])
    content = bytearray(place.read(name))
    at = 8 * rng.randrange(max(len(content) // 8, 1))
    value = rng.choice([rng.choice(EDGES), rng.randrange(20), rng.randrange(2**64)])
    content[at : at + 8] = struct.pack("<Q", value)
    place.write(name, content)
    return name, at, value


def a_count(place, rng):
    """A shape of other axes, or of other sizes."""
    name = rng.choice([name for name in place.files if name.endswith("shape.ninja")])
    axes = [rng.choice([*EDGES, 2, 3, 4, 5]) for _ in range(rng.choice([0, 1, 1, 2, 3, 64, 65]))]
    place.write(name, struct.pack(f"<{len(axes)}Q", *axes) + b"\0" * rng.choice([0, 0, 0, 3]))
    return name, axes


def a_flag(place, rng):
    flag = rng.choice([b"", b"\0", b"\1\0\0\0", b"\0\0\0\0", b"\2\0\0\0", b"\xff" * 4, b"\1" * 5])
    place.write("shapes_are_flat.ninja", flag)
    return flag


def a_text(place, rng):
    name = rng.choice([name for name in place.files if Path(name).name in TEXTS] or place.files)
    text = rng.choice(TEXTS.get(Path(name).name, ["text"])).encode()
    place.write(name, rng.choice([text, text, text, text + b"\xff\xfe", b"\xef\xbb\xbf" + text]))
    return name, text[:50]


def a_list_of_fields(place, rng):
    """Other names, kinds, shapes, orders and versions of fields."""
    fields = [
        {"name": rng.choice(FIELD_NAMES), "kind": rng.choice(["ragged", "numpy", "string", "records", 3])}
        for _ in range(rng.choice([0, 1, 2, 3, 3, 300]))
    ]
    known = [
        {"name": "tokens", "kind": "ragged"},
        {"name": "label", "kind": "numpy"},
        {"name": "name", "kind": "string"},
    ]
    fields = rng.choice([fields, rng.sample(known, rng.randrange(4)), known])
    for field in fields:
        if rng.random() < 0.2:
            field["shape"] = [rng.choice([-1, 0, 4, *EDGES]) for _ in range(rng.choice([0, 1, 2, 2, 99]))]
    text = {"version": rng.choice([1, 1, 1, 2, "1"]), "fields": fields}
    if rng.random() < 0.3:
        text["pending"] = rng.sample(FIELD_NAMES, 2)
    place.write("fields.json", rng.choice([json.dumps(text)] * 8 + [NESTED, ""]).encode())
    return str(text)[:200]


def a_size(place, rng):
    """Cut, or grown without any bytes."""
    name = rng.choice(place.files)
    size = rng.choice([rng.choice(SIZES), rng.randrange(len(place.content[name]) + 1)])
    if not os.path.islink(path := place.touch(name)):  # The target of a link is not a member.
        os.truncate(path, size)
    return name, size


def a_frame(place, rng):
    """zstd frames that claim other sizes, other dictionaries, or repeat one byte for ever."""
    content = bytearray(place.read("data.ninja"))
    start = content.find(b"\x28\xb5\x2f\xfd", rng.randrange(len(content) + 1))
    if start < 0:
        return some_bytes(place, rng)
    header = rng.choice(
        [b"\xe0" + struct.pack("<Q", rng.choice(EDGES)), b"\xa0\xff\xff\xff\xff", b"\x00\xff", b"\x03\xff"]
    )
    content[start + 4 : start + 4 + len(header)] = header
    if rng.random() < 0.3:
        content[start + 4 + len(header) :][:4] = b"\x03\xff\xff\x00"
    place.write("data.ninja", content)
    return start, header


def another_dictionary(place, rng):
    """Other bytes, or none, or a gigabyte of holes."""
    content = place.content.get("zstd_dict.ninja", b"")
    content = rng.choice(
        [b"", content[: len(content) // 2], content[::-1], content[:8] + rng.randbytes(500), b"\0" * 9000]
    )
    place.write("zstd_dict.ninja", content)
    if rng.random() < 0.3:
        os.truncate(place.path / "zstd_dict.ninja", rng.choice([2**22, 2**24, 2**30, 2**40]))
    return len(content)


def nothing(place, rng):
    """A member that is gone, or a whole sub-directory."""
    name = rng.choice(place.files + place.folders[1:])
    remove(place.touch(name))
    return name


def a_link(place, rng):
    name, target = rng.choice(place.files + place.folders[1:]), rng.choice([*ELSEWHERE, str(place.origin)])
    if rng.random() < 0.2:
        target = str(place.origin / name)
    remove(path := place.touch(name))
    path.symlink_to(target)
    return name, target


def a_fifo(place, rng):
    name = rng.choice(place.files + place.folders[1:])
    remove(path := place.touch(name))
    os.mkfifo(path)
    return name


def a_socket(place, rng):
    name = rng.choice(place.files + place.folders[1:])
    remove(path := place.touch(name))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{(folder := os.open(path.parent, os.O_RDONLY))}/{path.name}")
        os.close(folder)
    return name


def a_directory(place, rng):
    """In place of a file; perhaps a whole dataset."""
    name = rng.choice(place.files)
    remove(path := place.touch(name))
    if rng.random() < 0.5:
        path.mkdir()
    else:
        shutil.copytree(place.origin, path)
    return name


def a_file(place, rng):
    """In place of a directory."""
    name = rng.choice(place.folders)
    remove(path := place.touch(name))
    path.write_bytes(rng.choice([b"", b"numpy", rng.randbytes(100)]))
    return name


def another_member(place, rng):
    """The content of another file."""
    name, source = rng.choice(place.files), rng.choice(place.files)
    place.write(name, place.content[source])
    return name, source


def a_copy_within(place, rng):
    """The dataset, or a part of it, as one of its own sub-directories."""
    source, name = rng.choice(place.folders), rng.choice([*place.folders[1:], "shapes", "starts"])
    remove(path := place.touch(name))
    shutil.copytree(place.origin / source, path)
    return name, source


def a_deep_nest(place, rng):
    """Shapes of shapes of shapes."""
    path, depth = place.touch("shapes"), rng.choice([2, 10, 60])
    for _ in range(depth):
        if path.is_dir():
            shutil.rmtree(path)
        shutil.copytree(place.origin, path, ignore=shutil.ignore_patterns("shapes"))
        (path / "type.ninja").write_bytes(b"ragged")
        (path / "shapes_are_flat.ninja").write_bytes(b"\0\0\0\0")
        path = path / "shapes"
    return depth


def no_permission(place, rng):
    name, mode = rng.choice(place.files + place.folders[1:]), rng.choice([0, 0o111, 0o222, 0o444, 0o555])
    if not (path := place.touch(name)).is_symlink():
        path.chmod(mode)
    return name, oct(mode)


def a_journal(place, rng):
    """The journal of an append that never began."""
    members = [*place.folders, "..", "/etc", "starts/../..", "missing", "a\0b", "x" * 300]
    number = lambda: rng.choice([*EDGES, len(place.content[place.files[0]]), 3, 4])
    entries = [
        {
            "member": rng.choice(members),
            "rows": rng.choice([None, [number(), number()]]),
            "bytes": [number(), number()],
        }
        for _ in range(rng.choice([0, 1, 3, 5]))
    ]
    rest = rng.choice(
        [
            json.dumps({"entries": entries})[1:],
            json.dumps({"entries": entries})[1:],
            NESTED,
            "",
            "}",
            "\0" * 2**21,
        ]
    )
    crc = zlib.crc32(rest.encode()) if rng.random() < 0.9 else 0
    place.write("append.ninja", f'{{"crc32":"{crc:08x}",{rest}'.encode())
    return rest[:200]


def a_foreign_entry(place, rng):
    """Entries that the format does not have."""
    name = rng.choice(["building.ninja", "checksums.json", ".hidden", "starts/extra", "ä", "x" * 255])
    place.write(name, rng.randbytes(rng.choice([0, 10, 5000])))
    return name


MUTATIONS = [
    (some_bytes, 3),
    (a_number, 8),
    (a_count, 5),
    (a_flag, 1),
    (a_text, 5),
    (a_size, 5),
    (a_frame, 2),
]
MUTATIONS += [
    (another_dictionary, 1),
    (nothing, 1),
    (a_link, 2),
    (a_fifo, 1),
    (a_socket, 1),
    (a_directory, 1),
]
MUTATIONS += [(a_file, 1), (another_member, 2), (a_copy_within, 1), (a_deep_nest, 0.2), (no_permission, 1)]
MUTATIONS += [(a_journal, 2), (a_foreign_entry, 1), (a_list_of_fields, 0.5)]
