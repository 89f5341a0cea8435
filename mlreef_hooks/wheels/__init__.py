"""Wheels: which ones the requirements mean, and the image layer that each becomes."""
