"""The broker: what a container without a network may ask of the one provider it was made for.

It trusts nothing that the container says: where a request goes, what is in it and by which key it is asked are settled
here, and so is what came of it. The container has the provider's library, which reads what the provider answers.
"""
