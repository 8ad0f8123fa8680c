"""What can become of a row that was read: exactly one of these, so that their counts add up to the rows read."""

CLEAN = "clean"
REDELIVERED = "redelivered"  # its address was read before
IDENTICAL = "identical"  # a later row of its key says the same
SUPERSEDED = "superseded"  # a later row of its key says something else
QUARANTINED = "quarantined"
OUTCOMES = (CLEAN, REDELIVERED, IDENTICAL, SUPERSEDED, QUARANTINED)
