"""Where sources and models come from: git, the Hub, what of them may be reached, taken and held out."""
