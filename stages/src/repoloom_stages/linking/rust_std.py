"""What links need to know of Rust's standard library: types that pass method calls on, and methods they keep."""

POINTERS = frozenset({
    "Arc", "Box", "CachePadded", "Cow", "Lazy", "LazyLock", "ManuallyDrop", "MappedMutexGuard", "MutexGuard",
    "OwnedMutexGuard", "Pin", "Rc", "Ref", "RefMut", "RwLockReadGuard", "RwLockWriteGuard",
})  # fmt: skip
"""Types from elsewhere that pass method calls on to what they hold."""

POINTERS_OWN = frozenset({
    "as_mut", "as_ptr", "as_ref", "borrow", "borrow_mut", "clone", "clone_from", "cmp", "deref", "deref_mut",
    "downgrade", "drop", "eq", "fmt", "get_mut", "get_ref", "get_unchecked_mut", "hash", "into", "into_inner",
    "into_ref", "leak", "map_unchecked", "map_unchecked_mut", "ne", "partial_cmp", "set", "to_owned", "to_string",
    "try_into", "upgrade",
})  # fmt: skip
"""Methods that they have themselves, or may have."""

RESULTS = frozenset({
    "Option", "Poll", "Result",
})  # fmt: skip
"""Types whose content is what `?`, `unwrap` and their like leave."""

RESULTS_OWN = frozenset({
    "and", "and_then", "as_deref", "as_deref_mut", "as_mut", "as_ref", "clone", "cloned", "cmp", "copied", "eq",
    "err", "expect", "expect_err", "filter", "flatten", "fmt", "get_or_insert", "get_or_insert_with", "hash",
    "insert", "inspect", "inspect_err", "into", "into_iter", "is_err", "is_err_and", "is_none", "is_none_or",
    "is_ok", "is_ok_and", "is_pending", "is_ready", "is_some", "is_some_and", "iter", "iter_mut", "map", "map_err",
    "map_ok", "map_or", "map_or_else", "ne", "ok", "ok_or", "ok_or_else", "or", "or_else", "replace", "take",
    "transpose", "unwrap", "unwrap_err", "unwrap_or", "unwrap_or_default", "unwrap_or_else", "unwrap_unchecked",
    "unzip", "xor", "zip",
})  # fmt: skip
"""Methods that these have themselves: any other is called on what was unwrapped."""

COMMON_WORDS = (
    "as", "chunk", "compare", "copy", "fetch", "from", "get", "into", "put", "read", "sort", "split", "to", "try",
    "with", "write",
)  # fmt: skip
"""How the names of many methods of the standard library begin, and of the crates that everyone uses."""
