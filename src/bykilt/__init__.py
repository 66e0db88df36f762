"""bykilt: browser flows that run the same on two engines and leave a trace.

This module knows the version and nothing else, so that importing it costs nothing;
import what you need from the package that owns it (`bykilt.browser.engine`, `bykilt.flows`, …).
"""

__version__ = "0.1.0"
