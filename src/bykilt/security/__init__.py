"""Secrets: the vault that keeps them, and what hides them in texts (`redaction`).

They are kept encrypted, handed out one at a time, and each time on record.

`secrets_vault` is the door, `secret` what it hands out. Behind it a backend keeps the secrets: by default one file
(`envelope` is its format, `document` its content). Knows nothing of pages and flows: which field a value may be
typed into is decided by whoever types it, from the secret's policy.
"""
