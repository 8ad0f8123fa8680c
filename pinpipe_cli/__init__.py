"""The `pinpipe` command: the local world, runs, backfills, queries."""
