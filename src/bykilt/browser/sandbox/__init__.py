"""Walls around Chromium: policy, bubblewrap, seccomp, egress, limits, and the proof that they hold."""
