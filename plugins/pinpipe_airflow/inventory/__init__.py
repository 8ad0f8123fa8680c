"""Which of the things that ``provision`` makes exist now: a file per service, and one list of them all."""
