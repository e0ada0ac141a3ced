// The filter: find, by the first bits alone, the lanes of a panel that can be candidates with a row.
//
// Common bits of two encodings are counted by looking up nibbles. A byte shuffle looks up 16 or more at a time: for one
// nibble of the row, its table holds the number of bits in common with each of the 16 values of a lane's nibble. (W.
// Mula, N. Kurz, D. Lemire: Faster Population Counts Using AVX2 Instructions, 2018, look up popcounts in this way.)
// These counts are small, so one table serves two rows: one count in the lower half of a byte, the other in the upper
// half. Three nibbles can be added before a half could overflow.
//
// The halves are not separated each time. Let x be the bytes that were looked up. Two sums are kept, modulo 256 in each
// byte: X, of x; and S, of x shifted right by four in 16-bit pieces, which moves the lower half of each upper byte into
// the byte below. Both counts follow from X and S exactly, as long as they are below 256 (see `take_apart`). That takes
// eight operations, where masking takes ten.
//
// Before all bits are counted: in the remaining bits, two encodings have at most as many bits in common as the one with
// fewer bits set there. If that cannot suffice, the lane is dropped. The other lanes are counted in full, so a filter
// that passes too many is slow but never wrong; all roundings below pass more.
#pragma once

#include "scan.hpp"

namespace linkage {
namespace {

// The condition that a row sets for a lane: common bits so far + min(more, rest of the lane - smallest rest of the
// panel) >= common + surcharge of the lane.
struct Demand {
    int common;
    int more;
};

// ---- Panels and tables ----

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

inline Bytes16 interleave_low(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Bytes16 interleave_high(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// Transpose 16 x 16 bytes. Interleaving rows i and i + 8 rotates a byte's address (row, column) by one bit; doing so
// four times swaps row and column.
inline void transpose(Bytes16 *square) {
    Bytes16 other[16];
    for (int round = 0; round < 4; round++) {
        for (int row = 0; row < 8; row++) {
            other[2 * row] = interleave_low(square[row], square[row + 8]);
            other[2 * row + 1] = interleave_high(square[row], square[row + 8]);
        }
        memcpy(square, other, sizeof other);
    }
}

// Load 16 bytes of a row from `start`; bytes beyond its end are zero.
inline Bytes16 load_bytes(const uint8_t *row, int start, int size) {
    Bytes16 bytes = {};
    if (row && size - start >= 16)
        memcpy(&bytes, row + start, 16);
    else if (row)
        memcpy(&bytes, row + start, 8);  // sizes are multiples of 8
    return bytes;
}

// Transpose 16 rows into 16 lanes of a panel, beginning at `nibbles`. A missing row is NULL.
inline void fill_lanes(const uint8_t *const *rows, int size, int nibble_count, int lanes, uint8_t *nibbles) {
    for (int start = 0; start < (nibble_count + 1) / 2; start += 16) {
        Bytes16 square[16] = {};
        if (start < size)
            for (int row = 0; row < 16; row++) square[row] = load_bytes(rows[row], start, size);
        transpose(square);
        for (int column = 0; column < 16 && start + column < (nibble_count + 1) / 2; column++) {
            uint8_t *lower = nibbles + int64_t{2} * (start + column) * lanes;
            Bytes16 low = square[column] & 15, high = square[column] >> 4;
            memcpy(lower, &low, 16);
            memcpy(lower + lanes, &high, 16);
        }
    }
}

// Fill in the panel's bounds: smallest and largest popcounts, rests and surcharges.
inline void describe_panel(Panel &panel, const linkage_comparison &comparison, const Side &side, const uint32_t *rows) {
    panel.smallest = panel.smallest_rest = kMaxBits;
    panel.largest = panel.largest_looked_at = 0;
    for (int lane = 0; lane < panel.rows; lane++) {
        int popcount = side.popcounts[rows[lane]], rest = side.rests[rows[lane]];
        if (popcount < panel.smallest) panel.smallest = popcount;
        if (popcount > panel.largest) panel.largest = popcount;
        if (rest < panel.smallest_rest) panel.smallest_rest = rest;
        if (popcount - rest > panel.largest_looked_at) panel.largest_looked_at = popcount - rest;
    }
    memset(panel.rests, 0, sizeof panel.rests);
    memset(panel.surcharges, 0, sizeof panel.surcharges);
    for (int lane = 0; lane < panel.rows; lane++) {
        int over = side.rests[rows[lane]] - panel.smallest_rest;
        panel.rests[lane] = static_cast<uint8_t>(over < 255 ? over : 255);
        // The required common bits grow by half the threshold with each bit of the total; one less, because of
        // rounding.
        int richer = side.popcounts[rows[lane]] - panel.smallest;
        int surcharge = static_cast<int>(comparison.threshold * richer / 2) - 1;
        panel.surcharges[lane] = static_cast<uint8_t>(surcharge < 0 ? 0 : surcharge < 255 ? surcharge : 255);
    }
}

// Fill the panel with `panel.rows` rows.
inline void fill_panel(Panel &panel, const linkage_comparison &comparison, const Side &side, const uint32_t *rows,
                       int lanes) {
    describe_panel(panel, comparison, side, rows);
    for (int lane = 0; lane < lanes; lane += 16) {
        const uint8_t *encodings[16];
        for (int row = 0; row < 16; row++)
            encodings[row] = lane + row < panel.rows ? reinterpret_cast<const uint8_t *>(
                                                           side.words + int64_t{rows[lane + row]} * comparison.words)
                                                     : nullptr;
        fill_lanes(encodings, comparison.bits / 8, comparison.filter_bits / 4, lanes, panel.nibbles + lane);
    }
}

// Index: a nibble of one row + 16 times a nibble of another row. Entry, for each nibble of a lane: the bits in common
// with the first + 16 times the bits in common with the second.
struct Tables {
    uint8_t counts[256][16];
};

constexpr Tables make_tables() {
    Tables tables{};
    for (int two = 0; two < 256; two++)
        for (int nibble = 0; nibble < 16; nibble++)
            for (int bit = 0; bit < 4; bit++)
                if (nibble >> bit & 1) tables.counts[two][nibble] += (two >> bit & 1) + 16 * (two >> (bit + 4) & 1);
    return tables;
}

alignas(64) constexpr Tables kTables = make_tables();

// Fill in the offsets, in bytes, of the tables of each pair of rows. A last single row is paired with zeros.
inline void fill_offsets(linkage_scan &scan) {
    const linkage_comparison &comparison = *scan.comparison;
    int64_t stride = offsets_a_pair(comparison);
    int size = comparison.bits / 8, bytes = static_cast<int>(stride / 2);
    const auto *words = scan.pairs.side->words;
    static const uint8_t nothing[kMaxBits / 8] = {};
    for (int64_t row = 0; row < scan.pairs.count; row += 2) {
        auto encoding = [&](int64_t at) {
            return reinterpret_cast<const uint8_t *>(words + int64_t{scan.pairs.rows[at]} * comparison.words);
        };
        const uint8_t *one = encoding(row), *other = row + 1 < scan.pairs.count ? encoding(row + 1) : nothing;
        uint16_t *offsets = scan.offsets.data() + row / 2 * stride;
        for (int byte = 0; byte < (bytes < size ? bytes : size); byte++) {
            offsets[2 * byte] = static_cast<uint16_t>(((one[byte] & 15) | (other[byte] & 15) << 4) * 16);
            offsets[2 * byte + 1] = static_cast<uint16_t>((one[byte] >> 4 | (other[byte] & 240)) * 16);
        }
        for (int64_t nibble = 2 * size; nibble < stride; nibble++) offsets[nibble] = 0;
    }
}

// ---- Counting ----

// Three nibbles add at most 12 to a count, so 21 times three stay below 256.
constexpr int kThreesAtATime = 21;

// Sum up X and S (see the top of this file) over `threes` times three nibbles.
template <class Vectors, int Count>
inline __attribute__((always_inline)) void count_threes(const uint8_t *nibbles, const uint16_t *offsets, int threes,
                                                        typename Vectors::Vector *x_sums,
                                                        typename Vectors::Vector *s_sums) {
    constexpr int kStride = Count * Vectors::kLanes;
    typename Vectors::Vector xs[Count], ss[Count];
    for (int vector = 0; vector < Count; vector++) xs[vector] = ss[vector] = Vectors::zero();
    const auto *tables = &kTables.counts[0][0];
    for (int three = 0; three < threes; three++, nibbles += 3 * kStride, offsets += 3) {
        auto first = Vectors::table(tables + offsets[0]);
        auto second = Vectors::table(tables + offsets[1]);
        auto third = Vectors::table(tables + offsets[2]);
#pragma GCC unroll 4
        for (int vector = 0; vector < Count; vector++) {
            const uint8_t *at = nibbles + vector * Vectors::kLanes;
            auto x = Vectors::add(Vectors::add(Vectors::look_up(first, Vectors::load(at)),
                                               Vectors::look_up(second, Vectors::load(at + kStride))),
                                  Vectors::look_up(third, Vectors::load(at + 2 * kStride)));
            xs[vector] = Vectors::add(xs[vector], x);
            ss[vector] = Vectors::add(ss[vector], Vectors::shift_right_4(x));
        }
    }
    for (int vector = 0; vector < Count; vector++) x_sums[vector] = xs[vector], s_sums[vector] = ss[vector];
}

// Calculate both rows' counts from the sums. Let L and H be the two counts of a byte, and L' and H' those of the upper
// byte of a 16-bit piece. Modulo 256, X = L + 16 H in both bytes, S = H + 16 L' in the lower byte and S' = H' in the
// upper one. So L = X - 16 S in both (256 L' is 0 modulo 256), and H = S - 16 L' in the lower one.
template <class Vectors>
inline void take_apart(typename Vectors::Vector &x, typename Vectors::Vector &s) {
    auto lower = Vectors::subtract(x, Vectors::times_16(s));
    s = Vectors::subtract(s, Vectors::upper_byte_times_16(lower));
    x = lower;
}

// Adds up counts in saturating bytes. A lane passes if its byte ends at 255: a byte starts at 255 minus the required
// count. A requirement above 255 is subtracted from the counts of all chunks but the last.
template <class Vectors, int Count>
class Tally {
  public:
    Tally(const Demand &demand, const uint8_t *rests, int chunks) {
        int beyond = demand.common - 255;
        each_ = beyond > 0 && chunks > 1 ? beyond / (chunks - 1) : 0;
        first_ = beyond > 0 && chunks > 1 ? beyond - each_ * (chunks - 2) : 0;
        int given = demand.common < 0 ? 255 : demand.common < 255 ? 255 - demand.common : 0;
        auto start = Vectors::all(static_cast<uint8_t>(given));
        auto more = Vectors::all(static_cast<uint8_t>(demand.more));
        for (int vector = 0; vector < Count; vector++) {
            auto rest = Vectors::load(rests + vector * Vectors::kLanes);
            sums_[vector] = Vectors::add_full(start, Vectors::smaller(more, rest));
        }
    }
    void add(const typename Vectors::Vector *counts, int chunk, int chunks) {
        int off = chunk == chunks - 1 ? 0 : chunk ? each_ : first_;
        auto taken = Vectors::all(static_cast<uint8_t>(off < 255 ? off : 255));
        for (int vector = 0; vector < Count; vector++)
            sums_[vector] = Vectors::add_full(sums_[vector], Vectors::take_off(counts[vector], taken));
    }
    // Subtract the lanes' surcharges from the first counts; a larger surcharge counts only as much as these.
    static void charge(typename Vectors::Vector *counts, const uint8_t *surcharges) {
        for (int vector = 0; vector < Count; vector++)
            counts[vector] = Vectors::take_off(counts[vector], Vectors::load(surcharges + vector * Vectors::kLanes));
    }
    const typename Vectors::Vector *sums() const { return sums_; }

  private:
    typename Vectors::Vector sums_[Count];
    int first_, each_;
};

// Find the lanes of the panel that can be candidates with the two rows whose tables are at `offsets`: their bytes are
// 255.
template <class Vectors, int Count>
inline void filter(const Panel &panel, const uint16_t *offsets, int nibbles, const Demand &one, const Demand &other,
                   typename Vectors::Vector *passed_one, typename Vectors::Vector *passed_other) {
    int threes = nibbles / kNibblesAtATime;
    int chunks = (threes + kThreesAtATime - 1) / kThreesAtATime;
    Tally<Vectors, Count> tally_one(one, panel.rests, chunks), tally_other(other, panel.rests, chunks);
    const uint8_t *at = panel.nibbles;
    for (int chunk = 0, done = 0; chunk < chunks; chunk++) {
        int count = (threes - done + chunks - chunk - 1) / (chunks - chunk);
        typename Vectors::Vector xs[Count], ss[Count];
        count_threes<Vectors, Count>(at, offsets, count, xs, ss);
        for (int vector = 0; vector < Count; vector++) take_apart<Vectors>(xs[vector], ss[vector]);
        if (!chunk) {
            Tally<Vectors, Count>::charge(xs, panel.surcharges);
            Tally<Vectors, Count>::charge(ss, panel.surcharges);
        }
        tally_one.add(xs, chunk, chunks);
        tally_other.add(ss, chunk, chunks);
        at += int64_t{kNibblesAtATime} * count * Count * Vectors::kLanes;
        offsets += kNibblesAtATime * count;
        done += count;
    }
    for (int vector = 0; vector < Count; vector++) {
        passed_one[vector] = tally_one.sums()[vector];
        passed_other[vector] = tally_other.sums()[vector];
    }
}

template <class Vectors, int Count>
inline bool any_full(const typename Vectors::Vector *vectors) {
    auto fullest = vectors[0];
    for (int vector = 1; vector < Count; vector++) fullest = Vectors::larger(fullest, vectors[vector]);
    return Vectors::full_lanes(fullest) != 0;
}

}  // namespace
}  // namespace linkage
