"""Arrow: maps as its arrays, and its columns as maps. pyarrow is imported where it is used."""
