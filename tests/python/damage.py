"""What tests that damage datasets have in common."""


def files(path):
    """Every file below a directory, in order."""
    return sorted(file for file in path.rglob("*") if file.is_file())


def flip(file, bit):
    """Flip a bit; again, to flip it back."""
    with open(file, "r+b") as opened:
        opened.seek(bit // 8)
        byte = opened.read(1)[0] ^ (1 << bit % 8)
        opened.seek(bit // 8)
        opened.write(bytes([byte]))
