"""Builders turn an `ImageSpec` into a `BuiltImage`; one file each, listed in `table.py`."""
