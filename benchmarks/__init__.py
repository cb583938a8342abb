"""How fast the library is, beside the original and everything else one could use.

    python -m benchmarks [--quick] [--only SUITE ...] [--page]

The parent process sets up environments under build/bench, and starts a worker process in one of them for whatever is
measured (`environments`, `worker`). Repeats go round robin through all that is to be compared, so that a slow moment
of the machine slows all alike (`rounds`). `suites` says what is measured, `contenders` by whom, `pages` writes it down.
"""
