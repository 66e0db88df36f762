"""Files and databases under the home folder."""
