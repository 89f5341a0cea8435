"""Fuzzing of everything that reads pushed bytes; see README.md."""
