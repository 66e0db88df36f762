"""Flows: what a file says, checked at the door, and how its steps are carried out one after another."""
