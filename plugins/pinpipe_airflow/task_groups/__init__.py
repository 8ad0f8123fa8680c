"""Tasks of the DAGs ``provision`` and ``teardown``, a module per service.

Each function makes a task group and returns it with what its tasks return, by the resource's name in the receipt. The
ids of the tasks do not have the group's before them.
"""
