"""A client library for the Chrome DevTools Protocol. Knows nothing of actions, runs or flows."""
