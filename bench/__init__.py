"""The benchmarks, which ``make bench`` runs: each module measures one thing on real components and yields figures."""
