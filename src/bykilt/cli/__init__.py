"""The command line: what a person types, and what is said back.

Knows options, texts and exit codes. Does not know how a run is carried out (`app` wires that). Each command is
a module of its own, imported when it is called, so that `bykilt --help` is quick.
"""
