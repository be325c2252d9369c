"""What the reasons mean that stages count dropped files and samples under, as the report tells its readers."""

MEANINGS = {
    # what a snapshot leaves out
    "binary": "the file has a zero byte",
    "empty": "there is nothing but white space",
    "excluded": "the source excludes the file",
    "gap": "the file changed between the training commit and the first held-out one",
    "generated": "the file says that a program wrote it, or its name does",
    "LFS pointer": "the file stands for one that is kept elsewhere",
    "lock file": "the file is a package manager's",
    "minified": "lines of the file are too long for a person to have written",
    "not UTF-8": "the file is in another encoding",
    "not included": "the source does not include the file",
    "odd path": "the path has characters that no ordinary path has",
    "submodule": "it is another repository",
    "symlink": "it only points at a file",
    "too large": "the file is longer than the source allows",
    "unknown language": "nothing says what language the file is in",
    "vendored": "the file is in a folder for other people's code, or for build results",
    "manifest not text": "a manifest is not UTF-8; crates and packages are found without it",
    "manifest too large": "a manifest is too long to be a person's; crates and packages are found without it",
    "too many manifests": "there are more manifests than are read",
    # what has lines and no facts in the index
    "parser-limits": "the parser goes beyond its bounds on it; the file is cut between lines",
    "too-large-to-parse": "the file is longer than is parsed; it is cut between lines",
    # what holding out and linking leave out
    "broken manifest": "a manifest cannot be read; crates and packages are found without it",
    # what recipes leave out of files
    "path": "the recipe does not take files of that path",
    "min-bytes": "the file is shorter than the recipe asks",
    "max-bytes": "the file is longer than the recipe takes",
    # what recipes leave out of samples
    "crate-too-large": "the crate is larger than the recipe takes as a whole",
    "header-too-long": "its header leaves no room for code, or a tree of calls takes most of it",
    "held-out": "the file is held out, and what shows several files is made of training files alone",
    "no-items": "there is nothing in it for an overview to tell",
    "no-middle": "it has no middle that could be filled in and would still fit",
    "no-mistake": "no mistake could be made in it that is known to be one",
    "not-novel": "it is in a held-out file and shows nothing new",
    "over-limit": "the pattern has more matches than its limit takes",
    "repeated": "another granularity has made the same text of the same lines",
    "too-long": "it does not fit, and cannot be cut",
    "too-short": "it has fewer tokens than the recipe asks",
    "unverified": "the index does not bear its answer out",
    # what outputs leave out
    "copy": "its code stands in another sample of the output, byte for byte",
    "leak": "it is held out, but its code stands in training",
    "refused": "a gate refused it",
}
"""By reason, as `counts.json` has it. Gates have their own names for reasons: they are in no table."""
