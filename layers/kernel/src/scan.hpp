// Where a walk through rectangles is. rows.hpp and walk.hpp go on from there.
//
// A rectangle's sides get their parts: the longer one is cut into panels of lanes, the shorter one's rows are taken two
// at a time ("pairs of rows") against a whole panel. Whatever is small is compared pair by pair instead.
#pragma once

#include "comparison.hpp"

namespace linkage {

constexpr int kMaxLanes = 128;
// The filter's nibbles come in threes, and are made two a byte.
constexpr int kMaxNibbles = kMaxBits / 4 + kNibblesAtATime + 1;

// How far apart the offsets of one pair of rows and the next are.
inline int64_t offsets_a_pair(const linkage_comparison &comparison) { return (comparison.filter_bits / 4 + 1) / 2 * 2; }

// Rows of the longer side, transposed: as many as there are lanes.
struct Panel {
    int vectors = 0;        // that its lanes fill; 0 if the panel is not open
    int rows;               // of the lanes that are in use
    int smallest, largest;  // popcount
    int smallest_rest;
    int largest_looked_at;                                 // popcount of the bits that the filter looks at
    alignas(64) uint8_t rests[kMaxLanes];                  // over the smallest, at most 255
    alignas(64) uint8_t surcharges[kMaxLanes];             // common bits that a lane needs over what the poorest does
    alignas(64) uint8_t nibbles[kMaxNibbles * kMaxLanes];  // (nibbles, lanes)
};

// One side of the rectangle at hand.
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

    // Where it is: the rectangle, whether its parts are ready, and what comes next in it.
    int64_t at = 0;
    bool open = false;
    bool swapped = false;     // the rectangle's right side is the shorter one
    bool by_panels = false;   // or pair by pair
    int64_t next_panel = 0;   // first row of the panel at hand
    int64_t next_row = 0;     // of the short side
    int64_t next_column = 0;  // of the long side, where compared pair by pair
    linkage::Part lanes, pairs;
    linkage::Buffer<uint16_t> offsets;  // (pairs of rows, nibbles): where their tables are; see filter.hpp
    linkage::Panel panel;
};
