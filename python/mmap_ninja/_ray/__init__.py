"""Ray Data: datasets as its blocks, and its blocks as datasets. Ray is imported where it is used."""
