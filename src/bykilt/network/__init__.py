"""Names and addresses of hosts, and connections that go where a check has said: for whatever reaches out of bykilt."""
