"""The parts of `mmap_ninja.Loader`: where batches come from, how far a loader is, and what a batch looks like."""
