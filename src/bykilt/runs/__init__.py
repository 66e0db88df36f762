"""Runs: submitted, carried out, ended one way or another, and never lost."""
