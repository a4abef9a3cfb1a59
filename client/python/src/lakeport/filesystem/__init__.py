"""The parts of the file system: a common base, listing, reading, writing, and changing existing objects."""
