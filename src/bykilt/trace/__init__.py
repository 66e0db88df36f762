"""The trace of a run in Playwright's format, and the viewer that shows it. Knows no engine."""
