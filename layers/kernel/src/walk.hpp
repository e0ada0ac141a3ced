// The scan of rectangles by panels: templates over the path's vector type.
#pragma once

#include "filter.hpp"
#include "rows.hpp"

namespace linkage {
namespace {

// Rectangles of fewer pairs, or with a side of fewer rows, are compared pair by pair: making panels of them costs more.
constexpr int64_t kFewPairs = 256;
constexpr int64_t kFewRows = 4;

// Sort a part's rows by popcount, then rest: a panel of similar rows rules out more. Radix sort, a byte at a time.
inline void sort_part(Part &part) {
    const Side &side = *part.side;
    uint64_t *from = part.order.data(), *to = part.spare.data();
    for (int64_t index = 0; index < part.count; index++) {
        int64_t row = part.first + index;
        uint64_t key = uint64_t{side.popcounts[row]} << 16 | side.rests[row];
        from[index] = key << 32 | static_cast<uint64_t>(row);
    }
    for (int shift = 32; shift < 64; shift += 8) {
        uint32_t starts[256] = {};
        for (int64_t index = 0; index < part.count; index++) starts[from[index] >> shift & 255]++;
        uint32_t start = 0;
        for (uint32_t &each : starts) {
            uint32_t count = each;
            each = start;
            start += count;
        }
        for (int64_t index = 0; index < part.count; index++) to[starts[from[index] >> shift & 255]++] = from[index];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    for (int64_t index = 0; index < part.count; index++) part.rows[index] = static_cast<uint32_t>(from[index]);
}

inline void order_part(Part &part, int64_t rows_a_panel) {
    if (part.count > rows_a_panel) return sort_part(part);
    for (int64_t index = 0; index < part.count; index++) part.rows[index] = static_cast<uint32_t>(part.first + index);
}

// The condition that a row of the short side sets for a panel; see filter.hpp.
struct Need {
    bool possible;
    Demand demand;
};

inline Need needed(const linkage_comparison &comparison, const Side &side, uint32_t row, const Panel &panel) {
    int popcount = side.popcounts[row], rest = side.rests[row];
    // The smallest popcount of the panel requires the fewest common bits.
    int common = comparison.smallest_common[popcount + panel.smallest];
    int looked_at = popcount - rest < panel.largest_looked_at ? popcount - rest : panel.largest_looked_at;
    bool possible = comparison.lowest_partner[popcount] <= panel.largest &&
                    comparison.highest_partner[popcount] >= panel.smallest && common - rest <= looked_at;
    // In the bits after the filter's, a pair has at most as many in common as the row with fewer set there.
    int sure = rest < panel.smallest_rest ? rest : panel.smallest_rest;
    int more = rest - sure < 255 ? rest - sure : 255;
    return {possible, {common - sure, more}};
}

// Count in full the lanes that passed; write those that are candidates to the output.
template <class Vectors, int Words>
inline void judge_lanes(const linkage_scan &scan, uint32_t row, const typename Vectors::Vector *passed, int vectors,
                        Output &output) {
    for (int vector = 0; vector < vectors; vector++) {
        for (uint64_t lanes = Vectors::full_lanes(passed[vector]); lanes; lanes &= lanes - 1) {
            int lane = vector * Vectors::kLanes + __builtin_ctzll(lanes);
            if (lane >= scan.panel.rows) return;
            judge<Words>(scan, row, scan.lanes.rows[scan.next_panel + lane], output);
        }
    }
}

// Compare the pairs of rows with the current panel. False if the output is full.
template <class Vectors, int Count, int Words>
bool walk_panel(linkage_scan &scan, Output &output) {
    const linkage_comparison &comparison = *scan.comparison;
    const Part &rows = scan.pairs;
    int nibbles = comparison.filter_bits / 4;
    for (; scan.next_row < rows.count; scan.next_row += 2) {
        if (!output.has_room_for(2 * Count * Vectors::kLanes)) return false;
        uint32_t first = rows.rows[scan.next_row];
        bool two = scan.next_row + 1 < rows.count;
        uint32_t second = two ? rows.rows[scan.next_row + 1] : first;
        Need needs[] = {needed(comparison, *rows.side, first, scan.panel),
                        needed(comparison, *rows.side, second, scan.panel)};
        if (!needs[0].possible && !needs[1].possible) continue;
        typename Vectors::Vector passed[2][Count];
        const uint16_t *offsets = scan.offsets.data() + scan.next_row / 2 * offsets_a_pair(comparison);
        filter<Vectors, Count>(scan.panel, offsets, nibbles, needs[0].demand, needs[1].demand, passed[0], passed[1]);
        if (any_full<Vectors, Count>(passed[0])) judge_lanes<Vectors, Words>(scan, first, passed[0], Count, output);
        if (two && any_full<Vectors, Count>(passed[1]))
            judge_lanes<Vectors, Words>(scan, second, passed[1], Count, output);
    }
    return true;
}

// Open the panel whose first row is scan.next_panel, with the fewest vectors that hold its rows.
template <class Vectors>
void open_panel(linkage_scan &scan) {
    int64_t rows = scan.lanes.count - scan.next_panel;
    int vectors = 1;
    while (vectors < Vectors::kMost && vectors * Vectors::kLanes < rows) vectors *= 2;
    int lanes = vectors * Vectors::kLanes;
    scan.panel.rows = static_cast<int>(rows < lanes ? rows : lanes);
    scan.panel.vectors = vectors;
    fill_panel(scan.panel, *scan.comparison, *scan.lanes.side, scan.lanes.rows.data() + scan.next_panel, lanes);
}

// Compare the current rectangle by panels. False if the output is full.
template <class Vectors, int Words>
bool walk_panels(linkage_scan &scan, Output &output) {
    while (scan.next_panel < scan.lanes.count) {
        if (!scan.panel.vectors) open_panel<Vectors>(scan);
        bool ended = scan.panel.vectors == 1   ? walk_panel<Vectors, 1, Words>(scan, output)
                     : scan.panel.vectors == 2 ? walk_panel<Vectors, 2, Words>(scan, output)
                                               : walk_panel<Vectors, Vectors::kMost, Words>(scan, output);
        if (!ended) return false;
        scan.next_panel += scan.panel.rows;
        scan.next_row = 0;
        scan.panel.vectors = 0;
    }
    return true;
}

// Open the next rectangle.
template <class Vectors>
void open_rectangle(linkage_scan &scan) {
    open_parts(scan);
    scan.by_panels = scan.pairs.count >= kFewRows && scan.pairs.count * scan.lanes.count >= kFewPairs;
    if (!scan.by_panels) return;
    order_part(scan.lanes, Vectors::kMost * Vectors::kLanes);
    order_part(scan.pairs, Vectors::kMost * Vectors::kLanes);
    fill_offsets(scan);
}

template <class Vectors, int Words>
int64_t next_pairs(linkage_scan &scan, linkage_pair *pairs, int64_t capacity, int32_t *done) {
    Output output{pairs, capacity};
    for (; scan.at < scan.count; scan.at++, scan.open = false) {
        if (!scan.open) open_rectangle<Vectors>(scan);
        scan.open = true;
        bool ended = scan.by_panels ? walk_panels<Vectors, Words>(scan, output) : walk_rows<Words>(scan, output);
        if (!ended) return output.count;
    }
    *done = 1;
    return output.count;
}

// The usual encoding sizes have code of their own, with the number of words known to the compiler.
template <class Vectors>
int64_t next_pairs_of_any_size(linkage_scan &scan, linkage_pair *pairs, int64_t capacity, int32_t *done) {
    switch (scan.comparison->words) {
        case 8: return next_pairs<Vectors, 8>(scan, pairs, capacity, done);
        case 16: return next_pairs<Vectors, 16>(scan, pairs, capacity, done);
        case 32: return next_pairs<Vectors, 32>(scan, pairs, capacity, done);
        default: return next_pairs<Vectors, 0>(scan, pairs, capacity, done);
    }
}

}  // namespace
}  // namespace linkage
