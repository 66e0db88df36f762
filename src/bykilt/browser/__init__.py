"""A real Chromium: finding and starting it, talking to it, and the engine contract on top."""
