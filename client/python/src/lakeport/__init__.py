"""lakeFS as files, with transactions: a file system of fsspec, and a client of the whole contract."""

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
