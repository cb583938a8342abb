"""lmdb: a B-tree in a mapped file. One long read transaction, and buffers instead of copies."""

from pathlib import Path

import lmdb

from benchmarks.contenders.encoded import decoder, encode

MAP_SIZE = 1 << 36


class Lmdb:
    def write(self, folder: Path, kind: str, samples: list) -> None:
        with lmdb.open(str(folder), map_size=MAP_SIZE) as database, database.begin(write=True) as transaction:
            for i, sample in enumerate(samples):
                transaction.put(i.to_bytes(8, "big"), encode(kind, sample), append=True)

    def open(self, folder: Path, kind: str):
        return Records(lmdb.open(str(folder), readonly=True, lock=False, readahead=False), kind)


class Records:
    def __init__(self, database: lmdb.Environment, kind: str):
        self.database, self.decode = database, decoder(kind)
        self.get = database.begin(buffers=True).get

    def __getitem__(self, i: int):
        return self.decode(self.get(i.to_bytes(8, "big")))
