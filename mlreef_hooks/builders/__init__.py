"""Builders turn an `ImageSpec` into a `BuiltImage` (the protocol `Builder` in `image.py`)."""
