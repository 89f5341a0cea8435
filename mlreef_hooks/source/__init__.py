"""Reads parameters out of Python source by `ast`; nothing here imports or runs pushed code."""
