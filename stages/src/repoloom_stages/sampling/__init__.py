"""From facts and links to samples: what the recipes share, and the parts of each that are not its stage."""
