"""From the facts of all files of a snapshot to its links: packages, places, imports, calls, and the order of files."""
