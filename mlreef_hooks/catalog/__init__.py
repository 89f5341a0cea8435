"""The catalogue: a static site of the modules of an index, one for each audience."""
