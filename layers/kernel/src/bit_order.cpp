// A bit that is set in half of all encodings distinguishes two encodings better than a bit that is set in nearly all or
// nearly none. So bits are ordered by f * (1 - f), where f is the share of encodings in which the bit is set.
//
// Moving single bits is slow, so 64 rows are moved at a time: after a transposition, one bit of all 64 rows is one
// word; the words are put into their new places and transposed back.
#include "bit_order.hpp"

namespace linkage {
namespace {

// Transpose a square of 64 x 64 bits, by swapping smaller and smaller quarters.
void transpose(uint64_t *square) {
    uint64_t mask = 0x00000000FFFFFFFF;
    for (int width = 32; width; width >>= 1, mask ^= mask << width) {
        for (int top = 0; top < 64; top += 2 * width) {
            for (int row = top; row < top + width; row++) {
                uint64_t swapped = ((square[row] >> width) ^ square[row + width]) & mask;
                square[row] ^= swapped << width;
                square[row + width] ^= swapped;
            }
        }
    }
}

void count_set(const Side &side, int words, const int64_t *sample, int64_t count, int64_t *set) {
    for (int64_t pair = 0; pair < count; pair++) {
        const uint64_t *row = side.words + sample[2 * pair] * words;
        for (int bit = 0; bit < words * 64; bit++) set[bit] += row[bit / 64] >> bit % 64 & 1;
    }
}

// Order the bits, the most selective first, ties by position. Insertion sort suffices: at most 8,192 bits, once a
// comparison.
void order_bits(const int64_t *set, int64_t encodings, int bits, int32_t *order) {
    auto telling = [&](int bit) { return set[bit] * (encodings - set[bit]); };
    for (int bit = 0; bit < bits; bit++) {
        int place = bit;
        for (; place > 0 && telling(order[place - 1]) < telling(bit); place--) order[place] = order[place - 1];
        order[place] = bit;
    }
}

bool reorder_side(Side &side, int words, const int32_t *order) {
    Buffer<uint64_t> planes;  // for each bit of a row: that bit of 64 rows
    if (!planes.resize(words * 64) || !side.reordered.resize(side.rows * words)) return false;
    for (int64_t first = 0; first < side.rows; first += 64) {
        int rows = static_cast<int>(side.rows - first < 64 ? side.rows - first : 64);
        for (int word = 0; word < words; word++) {
            uint64_t *square = planes.data() + word * 64;
            for (int row = 0; row < 64; row++) square[row] = row < rows ? side.words[(first + row) * words + word] : 0;
            transpose(square);
        }
        for (int word = 0; word < words; word++) {
            uint64_t square[64];
            for (int bit = 0; bit < 64; bit++) square[bit] = planes[order[word * 64 + bit]];
            transpose(square);
            for (int row = 0; row < rows; row++) side.reordered[(first + row) * words + word] = square[row];
        }
    }
    side.words = side.reordered.data();
    return true;
}

}  // namespace

bool reorder_bits(linkage_comparison &comparison, const int64_t *sample, int64_t sample_count) {
    Buffer<int64_t> set;
    Buffer<int32_t> order;
    if (!set.resize_zeroed(comparison.bits) || !order.resize(comparison.bits)) return false;
    count_set(comparison.left, comparison.words, sample, sample_count, set.data());
    count_set(comparison.right, comparison.words, sample + 1, sample_count, set.data());
    order_bits(set.data(), 2 * sample_count, comparison.bits, order.data());
    return reorder_side(comparison.left, comparison.words, order.data()) &&
           reorder_side(comparison.right, comparison.words, order.data());
}

}  // namespace linkage
