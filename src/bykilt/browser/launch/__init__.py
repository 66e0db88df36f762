"""Finding a Chromium, starting it without privileges, and leaving nothing of it behind.

`process.start_chromium` is the road of the CDP engine, `wrapper.prepare_wrapper` that of Playwright, which starts
its browser itself. Knows processes, users and folders; nothing of the DevTools protocol, pages or actions.
"""
