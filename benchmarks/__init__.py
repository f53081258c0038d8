"""Benchmarks: they print figures and assert nothing. Run them with `make bench`."""
