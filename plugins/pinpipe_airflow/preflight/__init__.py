"""What has to be right before anything is made: a file per topic, each with its checks."""
