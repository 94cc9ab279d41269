"""Row Q: exact results of queueing theory, beside what the harness's own stations and engine make of them."""

from headroom.validation.queueing.families import rows

__all__ = ["rows"]
