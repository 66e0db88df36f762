"""Moving pictures as files: a video in WebM, an animated preview. Knows formats, no browser."""
