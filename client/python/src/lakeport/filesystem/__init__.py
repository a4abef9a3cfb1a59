"""The file system in parts: what all need, looking, reading, writing, and changing what is there."""
