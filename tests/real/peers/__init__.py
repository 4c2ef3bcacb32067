"""Peers of the benchmarks that need parts of this suite."""
