"""For tests of the sandbox's parts."""

from tests.support.small_disk import small_disk as small_disk
