"""Appends in a thread, then with the same handle in the main thread, after saying so.

append_in_two_threads.py PATH
"""

import sys
import threading
import time

from mmap_ninja import RaggedMmap

ragged = RaggedMmap(sys.argv[1], timeout=600)
threading.Thread(target=ragged.append, args=([1],), daemon=True).start()
time.sleep(0.3)
print("waiting", flush=True)
ragged.append([1])
