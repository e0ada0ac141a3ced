// The state of a scan through rectangles. rows.hpp and walk.hpp continue from it.
//
// The two sides of a rectangle have different roles: the longer one is cut into panels of lanes, the rows of the
// shorter one are compared two at a time ("pairs of rows") with a whole panel. Small rectangles are compared pair by
// pair instead.
#pragma once

#include "comparison.hpp"

namespace linkage {

constexpr int kMaxLanes = 128;
// The filter takes nibbles by threes, and they are made two at a time, from a byte.
constexpr int kMaxNibbles = kMaxBits / 4 + kNibblesAtATime + 1;

// The number of offsets per pair of rows.
inline int64_t offsets_a_pair(const linkage_comparison &comparison) { return (comparison.filter_bits / 4 + 1) / 2 * 2; }

// Rows of the longer side, transposed: one per lane.
struct Panel {
    int vectors = 0;        // number of vectors that hold its lanes; 0 if the panel is not open
    int rows;               // number of lanes in use
    int smallest, largest;  // popcount
    int smallest_rest;
    int largest_looked_at;                                 // popcount of the bits that the filter covers
    alignas(64) uint8_t rests[kMaxLanes];                  // above the smallest rest, at most 255
    alignas(64) uint8_t surcharges[kMaxLanes];             // common bits that a lane needs above the smallest lane's
    alignas(64) uint8_t nibbles[kMaxNibbles * kMaxLanes];  // (nibbles, lanes)
};

// One side of the current rectangle.
struct Part {
    const Side *side = nullptr;
    int64_t first = 0;
    int64_t count = 0;
    Buffer<uint64_t> order;  // key and row, for sorting
    Buffer<uint64_t> spare;
    Buffer<uint32_t> rows;   // row numbers, by popcount and rest
};

}  // namespace linkage

struct linkage_scan {
    const linkage_comparison *comparison = nullptr;
    linkage::Buffer<int64_t> rectangles;
    int64_t count = 0;

    // The position: the rectangle, whether its parts are ready, and what comes next in it.
    int64_t at = 0;
    bool open = false;
    bool swapped = false;     // the rectangle's right side is the shorter one
    bool by_panels = false;   // or pair by pair
    int64_t next_panel = 0;   // first row of the current panel
    int64_t next_row = 0;     // of the short side
    int64_t next_column = 0;  // of the long side, where compared pair by pair
    linkage::Part lanes, pairs;
    linkage::Buffer<uint16_t> offsets;  // (pairs of rows, nibbles): offsets of their tables; see filter.hpp
    linkage::Panel panel;
};
