"""The only way out of the sandbox's network: which hosts, which addresses, and the proxy that holds to it."""
