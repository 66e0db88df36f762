"""One module per driver that is measured; each is run in a process of its own."""
