"""The isolated language model: a container without any network, the model in it, and the gateway to it.

Nothing is imported here, so that a process that uses no model pays nothing for it.
"""
