"""The audit ledger: who did what, when, where and with which outcome, one line each, in a chain.

`ledger` writes it, `chain` is the form of a line, `verifier` finds what was changed. Knows no value of a secret.
"""
