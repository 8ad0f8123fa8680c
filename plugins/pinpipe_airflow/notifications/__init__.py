"""How alerts are told: notifiers as DAGs name them, and where they send."""
