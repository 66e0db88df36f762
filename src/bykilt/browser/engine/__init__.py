"""One engine contract, two engines."""
