"""One day of raw pins, and three engines that clean it alike; only what is measured here lies on local disk."""
