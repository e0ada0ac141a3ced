// The scan of a rectangle pair by pair, and the code that both kinds of scan share.
//
// Each path's source file includes this and is compiled for its processor. Everything is in an unnamed namespace, so
// that the linker cannot use one path's function in another path.
#pragma once

#include "scan.hpp"

namespace linkage {
namespace {

// See `Path`.
inline void count_bits(Side &side, int words, int filter_bits) {
    int whole = filter_bits / 64 < words ? filter_bits / 64 : words;  // words that the filter covers
    uint64_t part = whole < words ? ~uint64_t{0} << filter_bits % 64 : 0;  // bits of the next that it does not
    for (int64_t row = 0; row < side.rows; row++) {
        const uint64_t *encoding = side.words + row * words;
        int looked_at = 0, rest = 0;
        for (int word = 0; word < whole; word++) looked_at += __builtin_popcountll(encoding[word]);
        if (whole < words) {
            looked_at += __builtin_popcountll(encoding[whole] & ~part);
            rest += __builtin_popcountll(encoding[whole] & part);
        }
        for (int word = whole + 1; word < words; word++) rest += __builtin_popcountll(encoding[word]);
        side.popcounts[row] = static_cast<uint16_t>(looked_at + rest);
        side.rests[row] = static_cast<uint16_t>(rest);
    }
}

struct Output {
    linkage_pair *pairs;
    int64_t capacity;
    int64_t count = 0;

    bool has_room_for(int64_t more) const { return count + more <= capacity; }
};

template <int Words>
inline int count_common(const uint64_t *one, const uint64_t *other, int words) {
    int common = 0;
    for (int word = 0; word < (Words ? Words : words); word++) common += __builtin_popcountll(one[word] & other[word]);
    return common;
}

// Count a pair in full; if it is a candidate, write it to the output, which must have room.
template <int Words>
inline void judge(const linkage_scan &scan, uint32_t row, uint32_t column, Output &output) {
    const linkage_comparison &comparison = *scan.comparison;
    const Side &short_side = *scan.pairs.side, &long_side = *scan.lanes.side;
    int words = Words ? Words : comparison.words;
    int common = count_common<Words>(short_side.words + int64_t{row} * words,
                                     long_side.words + int64_t{column} * words, words);
    int total = short_side.popcounts[row] + long_side.popcounts[column];
    if (common < comparison.smallest_common[total]) return;
    output.pairs[output.count++] = {scan.swapped ? column : row, scan.swapped ? row : column,
                                    static_cast<uint16_t>(common), static_cast<uint16_t>(total)};
}

// Compare the current rectangle pair by pair. False if the output is full; then call again.
template <int Words>
bool walk_rows(linkage_scan &scan, Output &output) {
    const linkage_comparison &comparison = *scan.comparison;
    for (; scan.next_row < scan.pairs.count; scan.next_row++, scan.next_column = 0) {
        auto row = static_cast<uint32_t>(scan.pairs.first + scan.next_row);
        int popcount = scan.pairs.side->popcounts[row];
        int lowest = comparison.lowest_partner[popcount], highest = comparison.highest_partner[popcount];
        for (; scan.next_column < scan.lanes.count; scan.next_column++) {
            if (!output.has_room_for(1)) return false;
            auto column = static_cast<uint32_t>(scan.lanes.first + scan.next_column);
            int partner = scan.lanes.side->popcounts[column];
            if (partner >= lowest && partner <= highest) judge<Words>(scan, row, column, output);
        }
    }
    return true;
}

// Open the rectangle at scan.at: its longer side becomes the lanes.
inline void open_parts(linkage_scan &scan) {
    const int64_t *rectangle = scan.rectangles.data() + 4 * scan.at;
    int64_t height = rectangle[1] - rectangle[0], width = rectangle[3] - rectangle[2];
    scan.swapped = height > width;
    Part &left = scan.swapped ? scan.lanes : scan.pairs, &right = scan.swapped ? scan.pairs : scan.lanes;
    left.side = &scan.comparison->left, left.first = rectangle[0], left.count = height;
    right.side = &scan.comparison->right, right.first = rectangle[2], right.count = width;
    scan.next_panel = scan.next_row = scan.next_column = 0;
    scan.panel.vectors = 0;
}

}  // namespace
}  // namespace linkage
