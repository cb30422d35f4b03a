"""What the benchmarks share: turns, machines, peers in environments of their own, tables."""
