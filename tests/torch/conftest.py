"""A map for several test modules."""

import pytest
from mmap_ninja import RaggedMmap


@pytest.fixture
def sequences(tmp_path):
    pytest.importorskip("torch")
    from sequence_samples import COUNT, sequence

    RaggedMmap.from_lists(tmp_path / "sequences", map(sequence, range(COUNT)))
    return RaggedMmap(tmp_path / "sequences")
