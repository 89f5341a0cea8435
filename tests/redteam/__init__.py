"""Hostile code projects and packages, and what is done with them; see `../test_redteam.py`."""
