"""The README's examples, run word for word."""

import re
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_examples_run_one_after_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        if "import torch" not in block:
            exec(block, names)
    assert names["text"] == "zwei"
    assert names["batch"].tolist() == [[1, 2, 3], [4, -1, -1]]
    assert names["values"].tolist() == [5, 6, 1, 2, 3]
    assert names["offsets"].tolist() == [0, 2, 5]
