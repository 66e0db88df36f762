"""The small disk for these tests."""

from tests.support.small_disk import small_disk as small_disk
