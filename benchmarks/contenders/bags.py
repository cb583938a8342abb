"""bagz: records in one file, with an index."""

from pathlib import Path

import bagz

from benchmarks.contenders.encoded import decoder, encode


class Bagz:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        with bagz.Writer(str(folder / "samples.bag")) as writer:
            for sample in samples:
                writer.write(encode(kind, sample))

    def open(self, folder: Path, kind: str):
        return Records(bagz.Reader(str(folder / "samples.bag")), kind)


class Records:
    def __init__(self, reader: bagz.Reader, kind: str):
        self.reader, self.decode = reader, decoder(kind)

    def __getitem__(self, i: int):
        return self.decode(self.reader[i])
