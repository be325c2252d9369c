"""Small texts in each language, written for the tests, with the facts that they hold."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """A text and its facts: items as kind, name, first and last line and documentation; imports as path, name and
    whether they are exported on; calls as the item that calls, how, name and receiver; more of some items, by name."""

    text: str
    doc: str
    items: list[tuple[str, str, int, int, str]]
    imports: list[tuple[str, str, bool]]
    calls: list[tuple[str, str, str, str]]
    details: dict[str, dict[str, object]] = field(default_factory=dict)


SAMPLES = {
    "python": Sample(
        text="""\
# Written for a test.
\"\"\"Ferries of the harbour.

More about them.
\"\"\"
import os.path, json as j
from . import tides
from ..harbour.quays import Quay as Q, Rope
from weather import *


@registered("ferry")
@dataclass(frozen=True)
class Ferry(Boat, Generic[T], metaclass=Meta):
    \"\"\"Crosses the water.

    Twice a day.
    \"\"\"

    name: str
    seats: int = 40

    @property
    async def free(self, /, day: str, *others: int, at=None, **more) -> list[int]:
        '''Seats that are
        left.'''
        def count(row): return row.size()
        return self.seats - count(j.loads(day)) - tides.Tide.height(at)

    class Crew:
        def call(cls): return cls.call() or super().call()


if os.name == "nt":
    def start[T](x: T): return Q(x)(1)
type Seats[T] = dict[str, T]


def test_start():
    start(2).crew.names[0].upper()
""",
        doc="Ferries of the harbour.",
        items=[
            ("class", "Ferry", 12, 31, "Crosses the water."),
            ("function", "Ferry.free", 23, 28, "Seats that are left."),
            ("class", "Ferry.Crew", 30, 31, ""),
            ("function", "Ferry.Crew.call", 31, 31, ""),
            ("function", "start", 35, 35, ""),
            ("type", "Seats", 36, 36, ""),
            ("function", "test_start", 39, 40, ""),
        ],
        imports=[
            ("os.path", "os", False),
            ("json", "j", False),
            (".tides", "tides", False),
            ("..harbour.quays.Quay", "Q", False),
            ("..harbour.quays.Rope", "Rope", False),
            ("weather", "*", False),
        ],
        calls=[
            ("Ferry", "free", "registered", ""),
            ("Ferry", "free", "dataclass", ""),
            ("Ferry.free", "method", "size", "row"),
            ("Ferry.free", "free", "count", ""),
            ("Ferry.free", "path", "j.loads", ""),
            ("Ferry.free", "path", "tides.Tide.height", ""),
            ("Ferry.Crew.call", "self", "call", ""),
            ("Ferry.Crew.call", "free", "super", ""),
            ("Ferry.Crew.call", "method", "call", "super()"),
            ("start", "free", "Q", ""),
            ("test_start", "free", "start", ""),
            ("test_start", "method", "upper", ""),
        ],
        details={
            "Ferry": {
                "signature": "class Ferry(Boat, Generic[T], metaclass=Meta)",
                "attributes": ['registered("ferry")', "dataclass(frozen=True)"],
                "bases": ["Boat", "Generic[T]"],
                "members": [["name", "str"], ["seats", "int"]],
            },
            "Ferry.free": {
                "attributes": ["property"],
                "modifiers": ["async"],
                "returns": "list[int]",
                "owner": 0,
                "members": [["day", "str"], ["*others", "int"], ["at", ""], ["**more", ""]],
            },
            "start": {"generics": "T"},
            "Seats": {"returns": "dict[str, T]"},
            "test_start": {"test": True},
        },
    ),
    "go": Sample(
        text="""\
//go:build linux

// Copyright of nobody.

// Package ferry crosses the water.
//
// More.
package ferry

import (
	"fmt"
	t "example.com/tides/v2"
	_ "example.com/side"
	. "example.com/dot"
	"example.com/quay/v3"
)

// Limit is the most seats.
const Limit = 40

const (
	// North is up.
	North = iota
	South
)

// Ferry crosses.
type Ferry[T any] struct {
	Boat
	a, b int // two
	crew map[string]T
}

// Crosser crosses too.
type Crosser interface {
	fmt.Stringer
	// Cross goes.
	Cross(to string) error
}

type (
	Name = string
	Seats int
)

// aside

// Cross goes over.
func (f *Ferry[T]) Cross(to string, at ...int) (int, error) {
	type hidden struct{}
	f.crew.call(to)
	t.Wait(func() { f.stop() })
	quay.New().Tie(1)
	return len(to), nil
}

func TestCross(x *T) { Cross("a"); (func() {})() }
func stop() {}
""",
        doc="Package ferry crosses the water.",
        items=[
            ("const", "Limit", 18, 19, "Limit is the most seats."),
            ("const", "North", 22, 23, "North is up."),
            ("const", "South", 24, 24, ""),
            ("struct", "Ferry", 27, 32, "Ferry crosses."),
            ("interface", "Crosser", 34, 39, "Crosser crosses too."),
            ("function", "Crosser.Cross", 37, 38, "Cross goes."),
            ("type", "Name", 42, 42, ""),
            ("type", "Seats", 43, 43, ""),
            ("function", "Ferry.Cross", 48, 55, "Cross goes over."),
            ("function", "TestCross", 57, 57, ""),
            ("function", "stop", 58, 58, ""),
        ],
        imports=[
            ("fmt", "fmt", False),
            ("example.com/tides/v2", "t", False),
            ("example.com/side", "", False),
            ("example.com/dot", "*", False),
            ("example.com/quay/v3", "quay", False),
        ],
        calls=[
            ("Ferry.Cross", "method", "call", "f.crew"),
            ("Ferry.Cross", "path", "t.Wait", ""),
            ("Ferry.Cross", "method", "stop", "f"),
            ("Ferry.Cross", "path", "quay.New", ""),
            ("Ferry.Cross", "method", "Tie", "quay.New()"),
            ("Ferry.Cross", "free", "len", ""),
            ("TestCross", "free", "Cross", ""),
        ],
        details={
            "Ferry": {
                "signature": "type Ferry[T any] struct",
                "generics": "T any",
                "bases": ["Boat"],
                "members": [["a", "int"], ["b", "int"], ["crew", "map[string]T"]],
            },
            "Crosser": {"bases": ["fmt.Stringer"], "signature": "type Crosser interface"},
            "Crosser.Cross": {"owner": 4, "returns": "error", "members": [["to", "string"]]},
            "Ferry.Cross": {
                "signature": "func (f *Ferry[T]) Cross(to string, at ...int) (int, error)",
                "owner": -1,
                "returns": "(int, error)",
                "members": [["to", "string"], ["at", "...int"]],
            },
            "TestCross": {"test": True},
            "stop": {"test": False},
        },
    ),
    "java": Sample(
        text="""\
/* Copyright of nobody. */
package harbour.ferry;

import java.util.List;
import static org.junit.Assert.*;

/**
 * Crosses the {@link Water}, <b>twice</b>.
 *
 * <p>More.
 * @param <T> whom
 */
@Table(name = "ferry")
public final class Ferry<T extends Boat> extends Boat implements Crosser, Named<T> {
    @Id private final int seats = 40, rows;
    private static final Runnable R = () -> { class Local {} hidden(); };

    /** Makes one. */
    public Ferry(int seats, String... names) { super(seats); this.seats = seats; }

    // aside
    @Override @Deprecated
    protected synchronized <R> List<R> cross(final Tide tide) throws Lost {
        this.call(); tide.height().round(1); Math.max(1, seats); helper.<R>run();
        return new ArrayList<R>(new Crosser() { public void cross() { call(); } });
    }

    enum Side { LEFT, RIGHT(1) { void f() {} } ; abstract void f(); }
    record Place(int x, int y) {}
    @interface Id { String value() default ""; }
}

interface Crosser { int MOST = 3; void cross(); }

class FerryTest {
    @org.junit.Test public void crosses() { assertTrue(new Ferry<Boat>(1).cross(null)); }
}
""",
        doc="",
        items=[
            ("class", "Ferry", 7, 31, "Crosses the Water, twice."),
            ("function", "Ferry.Ferry", 18, 19, "Makes one."),
            ("function", "Ferry.cross", 22, 26, ""),
            ("enum", "Ferry.Side", 28, 28, ""),
            ("function", "Ferry.Side.f", 28, 28, ""),
            ("class", "Ferry.Place", 29, 29, ""),
            ("interface", "Ferry.Id", 30, 30, ""),
            ("function", "Ferry.Id.value", 30, 30, ""),
            ("interface", "Crosser", 33, 33, ""),
            ("function", "Crosser.cross", 33, 33, ""),
            ("class", "FerryTest", 35, 37, ""),
            ("function", "FerryTest.crosses", 36, 36, ""),
        ],
        imports=[
            ("java.util.List", "List", False),
            ("org.junit.Assert", "*", False),
        ],
        calls=[
            ("Ferry", "free", "hidden", ""),
            ("Ferry.cross", "self", "call", ""),
            ("Ferry.cross", "method", "height", "tide"),
            ("Ferry.cross", "method", "round", "tide.height()"),
            ("Ferry.cross", "path", "Math.max", ""),
            ("Ferry.cross", "method", "run", "helper"),
            ("Ferry.cross", "new", "ArrayList", ""),
            ("Ferry.cross", "new", "Crosser", ""),
            ("Ferry.cross", "free", "call", ""),
            ("FerryTest.crosses", "free", "assertTrue", ""),
            ("FerryTest.crosses", "new", "Ferry", ""),
            ("FerryTest.crosses", "method", "cross", "Ferry()"),
        ],
        details={
            "Ferry": {
                "signature": "public final class Ferry<T extends Boat> extends Boat implements Crosser, Named<T>",
                "visibility": "public",
                "modifiers": ["final"],
                "attributes": ['Table(name = "ferry")'],
                "generics": "T extends Boat",
                "bases": ["Boat", "Crosser", "Named<T>"],
                "members": [["seats", "int"], ["rows", "int"], ["R", "Runnable"]],
            },
            "Ferry.Ferry": {"owner": 0, "members": [["seats", "int"], ["names", "String..."]]},
            "Ferry.cross": {
                "signature": "protected synchronized <R> List<R> cross(final Tide tide) throws Lost",
                "visibility": "protected",
                "modifiers": ["synchronized"],
                "attributes": ["Override", "Deprecated"],
                "generics": "R",
                "returns": "List<R>",
            },
            "Ferry.Side": {"members": [["LEFT", ""], ["RIGHT", ""]]},
            "Ferry.Place": {"members": [["x", "int"], ["y", "int"]]},
            "FerryTest.crosses": {"test": True},
        },
    ),
    "c": Sample(
        text="""\
/* Copyright of nobody. */

/**
 * @file ferry.c
 * @brief Ferries in C.
 */
#include <stdio.h>
#include "tide.h"

#define SEATS 40
/* The larger one. */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))

/// A ferry.
typedef struct ferry {
    const char *name;
    int seats, rows[3];
    int (*cross)(int);
} ferry_t;

typedef struct { int x; } place;
typedef int (*crosser)(ferry_t *, int);
enum side { LEFT, RIGHT = 2 };
union both { int i; float f; };

static const int most = 3;
int count;
/* Declared. */
int cross(ferry_t *f, int to);

/* Crosses the water.
 *
 * @param f  which */
static inline const char *cross_to(ferry_t *f, char **names, ...)
{
    struct local { int a; };
    f->cross(1);
    tide.now()->set(f);
    return lookup(cross(f, 2));
}
#ifdef X
void stop(void) { (*handler)(1); }
#endif
""",
        doc="Ferries in C.",
        items=[
            ("const", "SEATS", 10, 10, ""),
            ("macro", "LARGER", 11, 12, "The larger one."),
            ("struct", "ferry", 14, 19, "A ferry."),
            ("struct", "place", 21, 21, ""),
            ("type", "crosser", 22, 22, ""),
            ("enum", "side", 23, 23, ""),
            ("struct", "both", 24, 24, ""),
            ("const", "most", 26, 26, ""),
            ("function", "cross", 28, 29, "Declared."),
            ("function", "cross_to", 31, 40, "Crosses the water."),
            ("function", "stop", 42, 42, ""),
        ],
        imports=[
            ("<stdio.h>", "*", False),
            ("tide.h", "*", False),
        ],
        calls=[
            ("cross_to", "method", "cross", "f"),
            ("cross_to", "method", "now", "tide"),
            ("cross_to", "method", "set", "tide.now()"),
            ("cross_to", "free", "lookup", ""),
            ("cross_to", "free", "cross", ""),
        ],
        details={
            "ferry": {
                "signature": "typedef struct ferry",
                "members": [["name", "const char *"], ["seats", "int"], ["rows", "int [3]"], ["cross", "int (*)(int)"]],
            },
            "LARGER": {"signature": "#define LARGER(a, b)"},
            "crosser": {"returns": "int (*)(ferry_t *, int)"},
            "side": {"members": [["LEFT", ""], ["RIGHT", ""]]},
            "most": {"returns": "const int", "modifiers": ["static"]},
            "cross": {"returns": "int", "members": [["f", "ferry_t *"], ["to", "int"]]},
            "cross_to": {
                "signature": "static inline const char *cross_to(ferry_t *f, char **names, ...)",
                "returns": "const char *",
                "modifiers": ["static", "inline"],
                "members": [["f", "ferry_t *"], ["names", "char **"]],
            },
        },
    ),
    "cpp": Sample(
        text="""\
// SPDX-License-Identifier: none
#pragma once
#include <vector>
using namespace std;
using harbour::Tide;
namespace fs = std::filesystem;

namespace harbour::ferry {

/// Crosses the \\c water.
///
/// More.
template <typename T, int N = 2>
class Ferry final : public Boat<T>, private Named {
public:
    explicit Ferry(int seats) : seats_(seats) {}
    virtual ~Ferry();
    /** Crosses. @return how far */
    [[nodiscard]] virtual int cross(const Tide& tide, int to = 1) const = 0;
    static Ferry& one() { static Ferry f; return f; }
    bool operator==(const Ferry&) const;
    enum class Side { Left, Right };
private:
    int seats_ = 40, rows_[3];
    std::vector<T> crew_;
};

using Seats = std::vector<int>;
constexpr int kMost = 3;
namespace { void hidden_name(); }

}  // namespace harbour::ferry

int harbour::ferry::Ferry::cross(const Tide& tide, int to) const {
    auto f = [&](int x) { return tide.height(x); };
    this->stop(); fs::exists(to); std::max<int>(1, 2);
    return static_cast<int>(f(1)) + new Ferry<int>(2)->cross(tide).rest();
}

template <class T> T twice(T x) { return x + x; }
extern "C" int plain(void);
TEST(Ferry, Crosses) { EXPECT_EQ(twice(1), 2); }
""",
        doc="",
        items=[
            ("module", "harbour::ferry", 8, 32, ""),
            ("class", "harbour::ferry::Ferry", 10, 26, "Crosses the water."),
            ("function", "harbour::ferry::Ferry::Ferry", 16, 16, ""),
            ("function", "harbour::ferry::Ferry::~Ferry", 17, 17, ""),
            ("function", "harbour::ferry::Ferry::cross", 18, 19, "Crosses."),
            ("function", "harbour::ferry::Ferry::one", 20, 20, ""),
            ("function", "harbour::ferry::Ferry::operator==", 21, 21, ""),
            ("enum", "harbour::ferry::Ferry::Side", 22, 22, ""),
            ("type", "harbour::ferry::Seats", 28, 28, ""),
            ("const", "harbour::ferry::kMost", 29, 29, ""),
            ("function", "harbour::ferry::hidden_name", 30, 30, ""),
            ("function", "harbour::ferry::Ferry::cross", 34, 38, ""),
            ("function", "twice", 40, 40, ""),
            ("function", "plain", 41, 41, ""),
            ("function", "TEST(Ferry, Crosses)", 42, 42, ""),
        ],
        imports=[
            ("<vector>", "*", False),
            ("std", "*", False),
            ("harbour::Tide", "Tide", False),
            ("std::filesystem", "fs", False),
        ],
        calls=[
            ("harbour::ferry::Ferry::cross", "method", "height", "tide"),
            ("harbour::ferry::Ferry::cross", "self", "stop", ""),
            ("harbour::ferry::Ferry::cross", "path", "fs::exists", ""),
            ("harbour::ferry::Ferry::cross", "path", "std::max", ""),
            ("harbour::ferry::Ferry::cross", "free", "f", ""),
            ("harbour::ferry::Ferry::cross", "new", "Ferry", ""),
            ("harbour::ferry::Ferry::cross", "method", "cross", "Ferry()"),
            ("harbour::ferry::Ferry::cross", "method", "rest", "Ferry().cross()"),
            ("TEST(Ferry, Crosses)", "free", "EXPECT_EQ", ""),
            ("TEST(Ferry, Crosses)", "free", "twice", ""),
        ],
        details={
            "harbour::ferry::Ferry": {
                "signature": "template <typename T, int N = 2> class Ferry final : public Boat<T>, private Named",
                "generics": "typename T, int N = 2",
                "bases": ["Boat<T>", "Named"],
                "owner": 0,
                "members": [["seats_", "int"], ["rows_", "int [3]"], ["crew_", "std::vector<T>"]],
            },
            "harbour::ferry::Ferry::~Ferry": {"modifiers": ["virtual"]},
            "harbour::ferry::Ferry::operator==": {"returns": "bool", "members": [["", "const Ferry&"]]},
            "harbour::ferry::Ferry::cross": {
                "signature": "int harbour::ferry::Ferry::cross(const Tide& tide, int to) const",
                "owner": -1,
                "returns": "int",
                "members": [["tide", "const Tide &"], ["to", "int"]],
            },
            "twice": {"generics": "class T", "returns": "T"},
            "plain": {"signature": 'extern "C" int plain(void)'},
            "TEST(Ferry, Crosses)": {"test": True},
        },
    ),
    "csharp": Sample(
        text="""\
// Copyright of nobody.
using System.Text;
using static System.Math;
using Names = System.Collections.Generic.List<string>;
global using Harbour.Tides;

namespace Harbour.Ferries
{
    /// <summary>
    /// Crosses the <see cref="T:Water"/>.
    /// </summary>
    /// <remarks>More.</remarks>
    [Serializable, Table("ferry")]
    public sealed partial class Ferry<T> : Boat, ICrosser<T> where T : new()
    {
        private readonly int seats = 40, rows;
        public string Name { get; set; }
        public event Action Left;

        public Ferry(int seats) : base(seats) { this.seats = seats; }
        ~Ferry() { }

        /// <summary>Crosses.</summary>
        [Obsolete]
        public async Task<int> Cross([In] Tide tide, params string[] names)
        {
            this.Call(); base.Stop(); tide?.Height().Round(1); Max<int>(1, 2);
            Action a = () => { void Local() { } hidden(); };
            return await new Crossing<T>(Encoding.UTF8.GetBytes(nameof(tide))).Run();
        }

        public static bool operator ==(Ferry<T> a, Ferry<T> b) => a.Equals(b);
        enum Side { Left, Right = 2 }
        delegate int Counter(int x);
    }

    public record Place(int X, int Y);
    struct Row { public int Seats; }
    internal interface ICrosser<T> { void Cross(T to); }
}

public class FerryTests
{
    [Fact] public void Crosses() => Assert.True(true);
}
""",
        doc="",
        items=[
            ("module", "Harbour.Ferries", 7, 40, ""),
            ("class", "Harbour.Ferries.Ferry", 9, 35, "Crosses the Water."),
            ("function", "Harbour.Ferries.Ferry.Ferry", 20, 20, ""),
            ("function", "Harbour.Ferries.Ferry.~Ferry", 21, 21, ""),
            ("function", "Harbour.Ferries.Ferry.Cross", 23, 30, "Crosses."),
            ("function", "Harbour.Ferries.Ferry.operator ==", 32, 32, ""),
            ("enum", "Harbour.Ferries.Ferry.Side", 33, 33, ""),
            ("type", "Harbour.Ferries.Ferry.Counter", 34, 34, ""),
            ("class", "Harbour.Ferries.Place", 37, 37, ""),
            ("struct", "Harbour.Ferries.Row", 38, 38, ""),
            ("interface", "Harbour.Ferries.ICrosser", 39, 39, ""),
            ("function", "Harbour.Ferries.ICrosser.Cross", 39, 39, ""),
            ("class", "FerryTests", 42, 45, ""),
            ("function", "FerryTests.Crosses", 44, 44, ""),
        ],
        imports=[
            ("System.Text", "*", False),
            ("System.Math", "*", False),
            ("System.Collections.Generic.List<string>", "Names", False),
            ("Harbour.Tides", "*", True),
        ],
        calls=[
            ("Harbour.Ferries.Ferry.Cross", "self", "Call", ""),
            ("Harbour.Ferries.Ferry.Cross", "self", "Stop", "base"),
            ("Harbour.Ferries.Ferry.Cross", "method", "Height", "tide"),
            ("Harbour.Ferries.Ferry.Cross", "method", "Round", "tide.Height()"),
            ("Harbour.Ferries.Ferry.Cross", "free", "Max", ""),
            ("Harbour.Ferries.Ferry.Cross", "free", "hidden", ""),
            ("Harbour.Ferries.Ferry.Cross", "new", "Crossing", ""),
            ("Harbour.Ferries.Ferry.Cross", "method", "GetBytes", "Encoding.UTF8"),
            ("Harbour.Ferries.Ferry.Cross", "method", "Run", "Crossing()"),
            ("Harbour.Ferries.Ferry.operator ==", "method", "Equals", "a"),
            ("FerryTests.Crosses", "path", "Assert.True", ""),
        ],
        details={
            "Harbour.Ferries.Ferry": {
                "signature": "public sealed partial class Ferry<T> : Boat, ICrosser<T> where T : new()",
                "visibility": "public",
                "modifiers": ["sealed", "partial"],
                "attributes": ["Serializable", 'Table("ferry")'],
                "generics": "T",
                "bases": ["Boat", "ICrosser<T>"],
                "members": [["seats", "int"], ["rows", "int"], ["Name", "string"], ["Left", "Action"]],
            },
            "Harbour.Ferries.Ferry.Cross": {
                "visibility": "public",
                "modifiers": ["async"],
                "attributes": ["Obsolete"],
                "returns": "Task<int>",
                "members": [["tide", "Tide"], ["names", "string[]"]],
            },
            "Harbour.Ferries.Ferry.Counter": {"returns": "int", "members": [["x", "int"]]},
            "FerryTests.Crosses": {"test": True},
        },
    ),
    "javascript": Sample(
        text="""\
#!/usr/bin/env node
/**
 * Ferries of the harbour.
 *
 * @module ferry
 */

'use strict';

import Boat, { tide as flow, Rope } from "./boat.js";
import * as quay from "quay";
import "./side.js";
export { Rope, Rope as Line } from "./rope.js";
export * from "./all.js";
const fs = require("fs"), { join, sep: s } = require("path");

/** Crosses the water. @param {string} to - where */
export default class Ferry extends Boat {
  #seats = 40;
  static rows;
  /** Called. */
  call = async (who) => { this.#ring(who); };
  static async *cross(to, { at }, depth = 1, ...rest) {
    super.cross(to);
    return quay.find(to).tie(() => { function hidden() {} hidden(); });
  }
}

export const LIMIT = 40;
const a = 1, b = function named(x) { return new quay.Berth(x); };

/** Stops it. */
exports.stop = function (ferry) {
  return ferry.crew?.map(x => x.name);
};
Ferry.prototype.turn = function () {};

(function () {
  function inside() { Math.max(1, 2); }
})();

test("crosses", function () { function unseen() {} });
function* count(n) { yield join(n); }
""",
        doc="Ferries of the harbour.",
        items=[
            ("class", "Ferry", 17, 27, "Crosses the water."),
            ("function", "Ferry.call", 21, 22, "Called."),
            ("function", "Ferry.cross", 23, 26, ""),
            ("const", "LIMIT", 29, 29, ""),
            ("const", "a", 30, 30, ""),
            ("function", "b", 30, 30, ""),
            ("function", "stop", 32, 35, "Stops it."),
            ("function", "Ferry.turn", 36, 36, ""),
            ("function", "inside", 39, 39, ""),
            ("function", "count", 43, 43, ""),
        ],
        imports=[
            ("./boat.js", "Boat", False),
            ("./boat.js#tide", "flow", False),
            ("./boat.js", "Rope", False),
            ("quay", "quay", False),
            ("./side.js", "", False),
            ("./rope.js", "Rope", True),
            ("./rope.js#Rope", "Line", True),
            ("./all.js", "*", True),
            ("fs", "fs", False),
            ("path", "join", False),
            ("path", "s", False),
        ],
        calls=[
            ("", "free", "require", ""),
            ("", "free", "require", ""),
            ("Ferry.call", "self", "#ring", ""),
            ("Ferry.cross", "self", "cross", "super"),
            ("Ferry.cross", "path", "quay.find", ""),
            ("Ferry.cross", "method", "tie", "quay.find()"),
            ("Ferry.cross", "free", "hidden", ""),
            ("b", "new", "quay.Berth", ""),
            ("stop", "method", "map", "ferry.crew"),
            ("inside", "path", "Math.max", ""),
            ("", "free", "test", ""),
            ("count", "free", "join", ""),
        ],
        details={
            "Ferry": {
                "signature": "export default class Ferry extends Boat",
                "visibility": "export",
                "modifiers": ["default"],
                "bases": ["Boat"],
                "members": [["#seats", ""], ["rows", ""]],
            },
            "Ferry.call": {"owner": 0, "members": [["who", ""]]},
            "Ferry.cross": {
                "modifiers": ["static", "async"],
                "members": [["to", ""], ["{ at }", ""], ["depth", ""], ["...rest", ""]],
            },
            "LIMIT": {"visibility": "export"},
            "stop": {"signature": "exports.stop = function (ferry)", "members": [["ferry", ""]]},
        },
    ),
    "typescript": Sample(
        text="""\
import type { Tide } from "./tide";
import quay = require("quay");
export { Rope } from "./rope";

/** A side. */
export enum Side { Left, Right = 2 }

/** Crosses. */
export interface Crosser<T> extends Named, Other<T> {
  seats: number;
  readonly name?: string;
  /** Goes. */
  cross(to: string, at?: number): void;
}

/**
 * Crosses the water.
 */
@Component({ selector: "ferry" })
export abstract class Ferry<T extends Boat> extends Boat implements Crosser<T> {
  @Input() private readonly seats: number = 40;
  constructor(private name: string, rows?: number) { super(); }
  /** Goes over. */
  @Logged()
  public async cross(this: Ferry<T>, to: string): Promise<void> { await this.tide.wait<string>(to)!.then(); }
  protected abstract stop(): void;
  turn = (by: number): number => by;
}

export type Place = { x: number; y: number };
type Names<T> = T[] | null;
declare namespace Harbour {
  function open(at: string): void;
  namespace Inner { const depth: number; }
}
export const twice = <T,>(x: T): T => x;
export const LIMIT: number = Number(quay.LIMIT);
declare function declared(x: number): string;
const asserted = <string>twice("a");
""",
        doc="",
        items=[
            ("enum", "Side", 5, 6, "A side."),
            ("interface", "Crosser", 8, 14, "Crosses."),
            ("function", "Crosser.cross", 12, 13, "Goes."),
            ("class", "Ferry", 16, 28, "Crosses the water."),
            ("function", "Ferry.constructor", 22, 22, ""),
            ("function", "Ferry.cross", 23, 25, "Goes over."),
            ("function", "Ferry.stop", 26, 26, ""),
            ("function", "Ferry.turn", 27, 27, ""),
            ("type", "Place", 30, 30, ""),
            ("type", "Names", 31, 31, ""),
            ("module", "Harbour", 32, 35, ""),
            ("function", "Harbour.open", 33, 33, ""),
            ("module", "Harbour.Inner", 34, 34, ""),
            ("function", "twice", 36, 36, ""),
            ("const", "LIMIT", 37, 37, ""),
            ("function", "declared", 38, 38, ""),
            ("const", "asserted", 39, 39, ""),
        ],
        imports=[
            ("./tide", "Tide", False),
            ("quay", "quay", False),
            ("./rope", "Rope", True),
        ],
        calls=[
            ("Ferry", "free", "Component", ""),
            ("Ferry", "free", "Input", ""),
            ("Ferry.cross", "free", "Logged", ""),
            ("Ferry.cross", "method", "wait", "this.tide"),
            ("Ferry.cross", "method", "then", "this.tide.wait()"),
            ("LIMIT", "free", "Number", ""),
            ("asserted", "free", "twice", ""),
        ],
        details={
            "Side": {"members": [["Left", ""], ["Right", ""]]},
            "Crosser": {
                "generics": "T",
                "bases": ["Named", "Other<T>"],
                "members": [["seats", "number"], ["name", "string"]],
            },
            "Crosser.cross": {"owner": 1, "returns": "void"},
            "Ferry": {
                "signature": "export abstract class Ferry<T extends Boat> extends Boat implements Crosser<T>",
                "visibility": "export",
                "modifiers": ["abstract"],
                "attributes": ['Component({ selector: "ferry" })'],
                "generics": "T extends Boat",
                "bases": ["Boat", "Crosser<T>"],
                "members": [["seats", "number"]],
            },
            "Ferry.cross": {
                "visibility": "public",
                "modifiers": ["async"],
                "attributes": ["Logged()"],
                "returns": "Promise<void>",
                "members": [["to", "string"]],
            },
            "Ferry.stop": {"signature": "protected abstract stop(): void", "modifiers": ["abstract"]},
            "Place": {"returns": "{ x: number; y: number }", "members": [["x", "number"], ["y", "number"]]},
            "Harbour.open": {"owner": 10},
            "twice": {"generics": "T", "returns": "T", "members": [["x", "T"]]},
            "LIMIT": {"returns": "number"},
        },
    ),
    "tsx": Sample(
        text="""\
import { useState } from "react";

/** Shows a ferry. */
export const Ferry = ({ name }: Props) => {
  const [seats, setSeats] = useState<number>(40);
  return <button onClick={() => setSeats(seats - 1)}>{name.trim()}</button>;
};

interface Props { name: string }

export default function () { return <Ferry name="a" />; }
""",
        doc="",
        items=[
            ("function", "Ferry", 3, 7, "Shows a ferry."),
            ("interface", "Props", 9, 9, ""),
            ("function", "default", 11, 11, ""),
        ],
        imports=[
            ("react", "useState", False),
        ],
        calls=[
            ("Ferry", "free", "useState", ""),
            ("Ferry", "free", "setSeats", ""),
            ("Ferry", "method", "trim", "name"),
        ],
        details={
            "Ferry": {"signature": "export const Ferry = ({ name }: Props) =>", "members": [["{ name }", "Props"]]},
            "Props": {"members": [["name", "string"]]},
            "default": {"modifiers": ["default"]},
        },
    ),
}
