"""Data for the image and the container: Dockerfile, lock of what goes in, filter of system calls, and two programs that
run inside the build and the container. None of it is imported here.
"""
