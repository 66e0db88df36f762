"""A fictional back office to practise on, served on loopback, and the demo flow for it."""

from bykilt.practice.seen import Click, FormPost, Login, Seen, Upload
from bykilt.practice.site import DEMO_DOCUMENT, DEMO_FLOW, PracticeSite

__all__ = ["DEMO_DOCUMENT", "DEMO_FLOW", "Click", "FormPost", "Login", "PracticeSite", "Seen", "Upload"]
