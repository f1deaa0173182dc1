"""The program on a database node: all that runs there and knows the cluster. Standard library of Python 3.9 only."""
