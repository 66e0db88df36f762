"""What runs inside the container: the standard library and the model's library, nothing of ours beside this folder."""
