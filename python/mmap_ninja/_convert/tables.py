"""Files of tables: Parquet, Arrow and JSON lines."""

from collections.abc import Sequence

from mmap_ninja._arrow.sources import open_files
from mmap_ninja._convert.conversion import BulkConversion
from mmap_ninja._convert.request import Request
from mmap_ninja.arrow import decoded


class TablesConversion(BulkConversion):
    """The columns of tables."""

    def __init__(self, request: Request, files: Sequence[str]):
        skipped: list[str] = []
        found = open_files(files, request.fields, skipped if request.skips else None)
        super().__init__(request, decoded(found, request.fields is not None))
        self.skipped = skipped
