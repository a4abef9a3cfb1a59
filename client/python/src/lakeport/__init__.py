"""lakeFS as files, with transactions: a file system of fsspec, and a client of the whole contract."""

import os

# Before gRPC is loaded: its own preparations for forks break a process that is forked amid calls. See `lakeport.forks`.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from lakeport import aio
from lakeport.client import Client, Download, Files, Transaction, Versions
from lakeport.errors import (
    BusyError,
    ConflictError,
    CorruptError,
    DeniedError,
    ExistsError,
    FolderError,
    InvalidError,
    LakeportError,
    NoFolderError,
    NotFoundError,
    TimedOutError,
    UnavailableError,
    UnsupportedError,
)
from lakeport.lakectl import Credentials
from lakeport.spec import LakeFSFileSystem
from lakeport.transaction import LakeFSTransaction

__version__ = "0.1.0"

__all__ = [
    "BusyError",
    "Client",
    "ConflictError",
    "CorruptError",
    "Credentials",
    "DeniedError",
    "Download",
    "ExistsError",
    "Files",
    "FolderError",
    "InvalidError",
    "LakeFSFileSystem",
    "LakeFSTransaction",
    "LakeportError",
    "NoFolderError",
    "NotFoundError",
    "TimedOutError",
    "Transaction",
    "UnavailableError",
    "UnsupportedError",
    "Versions",
    "__version__",
    "aio",
]
