"""Begins a transaction, and writes a file in it. Prints the ID of the transaction."""

import sys

import lakeport

endpoint, repository = sys.argv[1:]
with lakeport.Client(endpoint) as client:
    transaction = client.begin(repository, "main")
    transaction.write("from-python.txt", b"Python")
    sys.stdout.write(transaction.id)
