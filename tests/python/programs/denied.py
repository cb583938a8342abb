"""Deny system calls to this process, as odd file systems and containers do."""

import ctypes
import os
import struct

CALLS = {"flock": 73, "fsync": 74}


def deny(call, error):
    """Let a system call of x86-64 fail with an error number from now on, by a seccomp filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    load, allow, fail = 0x20, 0x7FFF0000, 0x00050000 | error
    program = [(load, 0, 0, 0), (0x15, 0, 1, CALLS[call]), (0x06, 0, 0, fail), (0x06, 0, 0, allow)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    filter_ = Filter(len(program), ctypes.addressof(buffer))
    for arguments in (38, 1, 0, 0, 0), (22, 2, ctypes.byref(filter_), 0, 0):  # No new privileges; seccomp.
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
