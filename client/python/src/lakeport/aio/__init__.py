"""The asynchronous client, for programs with an event loop: see `lakeport.aio.Client`."""

from lakeport.aio.client import Client
from lakeport.aio.files import Files
from lakeport.aio.reading import Download
from lakeport.aio.transaction import Transaction
from lakeport.aio.versions import Versions

__all__ = ["Client", "Download", "Files", "Transaction", "Versions"]
