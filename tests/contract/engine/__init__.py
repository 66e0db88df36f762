"""The contract of the engines. A package, so that one browser can serve it from its first test to its last."""
