"""The one stream of facts that a run gives off."""
