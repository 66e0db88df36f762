"""What all runs did, kept in a database and told from their events."""
