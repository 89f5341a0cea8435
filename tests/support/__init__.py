"""What tests stand on: real git, real transports, a real engine and a real registry.

Nothing here is a fake and nothing starts by itself; see `tests/conftest.py` for the fixtures.
"""
