"""A fictional back office to practise on, served on loopback, and the demo flow for it."""
