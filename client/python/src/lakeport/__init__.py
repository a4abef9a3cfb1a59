"""An fsspec file system for lakeFS with transactions, and a client for the complete lakeport API."""

import os

# Set before gRPC is loaded: gRPC's own fork support breaks a process that forks while calls are in flight. See `lakeport.forks`.
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
    StorageFullError,
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
    "StorageFullError",
    "TimedOutError",
    "Transaction",
    "UnavailableError",
    "UnsupportedError",
    "Versions",
    "__version__",
    "aio",
]
