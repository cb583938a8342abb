"""A training run of one rank, which prints the batches of every step.

ranks.py FOLDER RANK WORLD_SIZE STEPS [STATE]

Together with the other ranks it waits for every step, as training does, and keeps its state in FOLDER/state.json. After the last step it
waits to be killed, unless it is alone.
"""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import torch.distributed
from mmap_ninja import Loader, RaggedMmap

folder, rank, world_size, steps = Path(sys.argv[1]), *map(int, sys.argv[2:5])
store = f"file://{folder}/rendezvous-{world_size}"
torch.distributed.init_process_group(
    "gloo", init_method=store, rank=rank, world_size=world_size, timeout=timedelta(seconds=60)
)
tokens = RaggedMmap(folder / "tokens")
loader = Loader(
    tokens,
    8,
    shuffle=True,
    pad=0,
    rank=torch.distributed.get_rank(),
    world_size=torch.distributed.get_world_size(),
)
if len(sys.argv) > 5:
    loader.load_state_dict(json.loads(Path(sys.argv[5]).read_text()))
step = 0
while step < steps:
    for batch, _ in loader:
        torch.distributed.barrier()
        if rank == 0:
            (folder / "state.json").write_text(json.dumps(loader.state_dict()))
        print(json.dumps(batch[:, 0].tolist()), flush=True)
        step += 1
        if step == steps:
            break
if world_size > 1:
    time.sleep(60)
