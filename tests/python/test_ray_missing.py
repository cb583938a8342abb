"""Ray is imported when it is used; with Ray, tests/ray has the tests."""

import subprocess
import sys

import pytest
from mmap_ninja import ray as ray_ninja


def test_without_ray_the_error_tells_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for call in (lambda: ray_ninja.read(tmp_path), lambda: ray_ninja.write(object(), tmp_path / "out")):
        with pytest.raises(ImportError, match=r'pip install "mmap_ninja\[ray\]>=1"'):
            call()


def test_the_module_itself_imports_neither_ray_nor_pyarrow():
    code = "import sys, mmap_ninja.ray; print({'ray', 'pyarrow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
