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

KEPT = frozenset({
    "as_deref", "as_deref_mut", "as_mut", "as_pin_mut", "as_ref", "borrow", "borrow_mut", "by_ref", "clone", "project",
    "project_ref", "to_owned",
})  # fmt: skip
"""Methods that return what they are called on, by value or reference. `project` is what `pin_project` derives."""

ADAPTED = frozenset({
    "as_slice", "cloned", "context", "copied", "filter", "fuse", "inspect", "inspect_err", "map_err", "ok", "ok_or",
    "ok_or_else", "or", "or_else", "peekable", "rev", "skip", "skip_while", "step_by", "take", "take_while", "to_vec",
    "with_context",
})  # fmt: skip
"""Methods of results, sequences and iterators that return what holds the same."""

UNWRAPPED = frozenset({
    "expect", "get_or_insert", "get_or_insert_with", "unwrap", "unwrap_or", "unwrap_or_default", "unwrap_or_else",
    "unwrap_unchecked",
})  # fmt: skip
"""Methods of `Option` and `Result` that return what they hold."""

ITERATORS = frozenset({
    "DoubleEndedIterator", "Drain", "ExactSizeIterator", "FusedIterator", "IntoIter", "IntoIterator", "Iter", "IterMut",
    "Iterator", "Peekable", "Rev", "Stream",
})  # fmt: skip
"""Types and traits whose first argument is what they go through."""

SEQUENCES = frozenset({
    "BTreeSet", "BinaryHeap", "FxHashSet", "FxIndexSet", "HashSet", "IndexSet", "LinkedList", "Vec", "VecDeque", "[",
})  # fmt: skip

MAPS = frozenset({"BTreeMap", "DashMap", "FxHashMap", "FxIndexMap", "HashMap", "IndexMap"})

GUARDS = {
    "Mutex": frozenset({"lock", "try_lock", "blocking_lock"}),
    "RefCell": frozenset({"borrow", "borrow_mut"}),
    "RwLock": frozenset({"read", "write", "try_read", "try_write"}),
}
"""Locks, and their methods that give what they guard."""

HOLDERS = POINTERS | GUARDS.keys() | {"Cell"}
"""Types whose `new` takes what they hold."""

OF_ITEMS = frozenset({"chain", "cycle", "drain", "into_iter", "iter", "iter_mut", "sorted", "sorted_by", "unique"})
"""Methods of sequences and iterators that go through the same items."""

TO_AN_ITEM = frozenset({
    "back", "back_mut", "find", "first", "first_mut", "front", "front_mut", "get", "get_mut", "last", "last_mut", "max",
    "max_by", "max_by_key", "min", "min_by", "min_by_key", "next", "next_back", "nth", "peek", "pop", "pop_back",
    "pop_first", "pop_front", "pop_last",
})  # fmt: skip
"""Methods of sequences and iterators that return one item, or none."""

GIVEN_TO_CLOSURES = frozenset({
    "all", "and_then", "any", "filter", "filter_map", "find", "find_map", "flat_map", "for_each", "inspect",
    "is_none_or", "is_ok_and", "is_some_and", "map", "map_or", "map_or_else", "map_while", "max_by", "max_by_key",
    "min_by", "min_by_key", "partition", "position", "retain", "retain_mut", "skip_while", "sort_by", "sort_by_key",
    "sort_unstable_by_key", "take_while", "try_for_each",
})  # fmt: skip
"""Methods that give what they hold, or each of it, to a closure: their last argument."""

MACROS = {"format": "String", "vec": "Vec"}
"""What the standard library's macros make."""

DEREFS = {"PathBuf": "Path", "String": "str", "Vec": "["}
"""Types that pass method calls on to another."""

FUTURES = frozenset({"BoxFuture", "Future", "LocalBoxFuture"})

PRIMITIVES = frozenset({
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16", "u32", "u64", "u8",
    "usize",
})  # fmt: skip
