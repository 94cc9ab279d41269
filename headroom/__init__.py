"""The command line and the harness: binds scenarios to a world; run, judge, write."""

__all__: list[str] = []
