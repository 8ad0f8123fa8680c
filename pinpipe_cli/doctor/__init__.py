"""What ``pinpipe doctor`` looks at: facts from one edge (``look_*.py``), judged by functions of plain values."""
