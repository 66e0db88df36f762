"""Documents that people write: read with care, and every problem told with its place and its remedy."""
