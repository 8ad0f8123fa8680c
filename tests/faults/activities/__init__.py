"""What the pipeline is doing when a component is killed: begun, caught in its midst, waited for, judged row by row."""
