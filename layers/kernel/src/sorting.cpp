// Sort candidate pairs in linear time.
//
// First they are spread over buckets of equal ranges of scores, in one pass through memory. A bucket is small enough
// for a cache, where a radix sort takes one pass per digit of the record indices and of the lower bits of the score.
#include "kernel.h"
#include "memory.hpp"
#include "order.hpp"

namespace linkage {
namespace {

constexpr int kMaxBucketBits = 14;  // with more buckets, a cache would not hold one line of each
constexpr int64_t kBucketSize = 512;  // average, if scores were spread evenly
constexpr int64_t kFew = 32;        // at most this many are sorted by insertion
constexpr int64_t kMany = 4096;     // from this many on, wide digits pay off
constexpr int kDigitBits = 8, kWideDigitBits = 11;

// The ranges of the pairs' numbers: bits that no pair has set need not be sorted by.
struct Ranges {
    uint32_t least_depth = UINT32_MAX, most_depth = 0;
    uint32_t datasets = 0, left = 0, right = 0;  // the bitwise or of all
};

template <class Pair>
Ranges find_ranges(const Pair *pairs, int64_t count) {
    Ranges ranges;
    for (int64_t at = 0; at < count; at++) {
        uint32_t depth = depth_of(pairs[at]);
        if (depth < ranges.least_depth) ranges.least_depth = depth;
        if (depth > ranges.most_depth) ranges.most_depth = depth;
        ranges.datasets |= datasets_of(pairs[at]);
        ranges.left |= pairs[at].left;
        ranges.right |= pairs[at].right;
    }
    return ranges;
}

int width(uint32_t number) { return number ? 32 - __builtin_clz(number) : 0; }

template <class Pair>
void sort_few(Pair *pairs, int64_t count) {
    for (int64_t at = 1; at < count; at++) {
        Pair pair = pairs[at];
        uint32_t depth = depth_of(pair);
        int64_t place = at;
        for (; place > 0 && comes_before(pair, depth, pairs[place - 1], depth_of(pairs[place - 1])); place--)
            pairs[place] = pairs[place - 1];
        pairs[place] = pair;
    }
}

// Sorts one bucket by radix, moving it between its own place and a spare one.
template <class Pair>
class Radix {
  public:
    Radix(Pair *pairs, Pair *spare, int64_t count) : from_(pairs), to_(spare), count_(count) {}

    // Sort by the lower bits of a number of each pair; the sort is stable.
    template <class Number>
    void by(int bits, Number number) {
        int most = count_ < kMany ? kDigitBits : kWideDigitBits;
        int digits = (bits + most - 1) / most;
        for (int shift = 0, left = bits; digits; digits--) {
            int digit = (left + digits - 1) / digits;
            pass(number, shift, digit);
            shift += digit;
            left -= digit;
        }
    }
    void put_into(Pair *pairs) {
        if (from_ != pairs) memcpy(pairs, from_, count_ * sizeof(Pair));
    }

  private:
    template <class Number>
    void pass(Number number, int shift, int bits) {
        uint32_t places[1 << kWideDigitBits];
        uint32_t mask = (1u << bits) - 1, place = 0;
        memset(places, 0, (mask + 1) * sizeof *places);
        for (int64_t at = 0; at < count_; at++) places[number(from_[at]) >> shift & mask]++;
        for (uint32_t digit = 0; digit <= mask; digit++) {
            uint32_t size = places[digit];
            places[digit] = place;
            place += size;
        }
        for (int64_t at = 0; at < count_; at++) to_[places[number(from_[at]) >> shift & mask]++] = from_[at];
        Pair *swap = from_;
        from_ = to_;
        to_ = swap;
    }

    Pair *from_, *to_;
    int64_t count_;
};

template <class Pair>
void sort_bucket(Pair *pairs, Pair *spare, int64_t count, const Ranges &ranges, int depth_bits) {
    if (count <= kFew) return sort_few(pairs, count);
    Radix<Pair> radix(pairs, spare, count);
    radix.by(width(ranges.right), [](const Pair &pair) { return pair.right; });
    radix.by(width(ranges.left), [](const Pair &pair) { return pair.left; });
    radix.by(width(ranges.datasets), [](const Pair &pair) { return datasets_of(pair); });
    radix.by(depth_bits, [&](const Pair &pair) { return depth_of(pair) - ranges.least_depth; });
    radix.put_into(pairs);
}

// The bits of the depth that are left to be sorted by within buckets.
int choose_depth_bits(const Ranges &ranges, int64_t count) {
    int bucket_bits = width(static_cast<uint32_t>(count / kBucketSize));
    if (bucket_bits > kMaxBucketBits) bucket_bits = kMaxBucketBits;
    int bits = width(ranges.most_depth - ranges.least_depth);
    return bits > bucket_bits ? bits - bucket_bits : 0;
}

template <class Pair>
int64_t sort(const Pair *source, Pair *target, int64_t count) {
    if (count < 0 || count > UINT32_MAX) return LINKAGE_INVALID;
    if (!count) return 0;
    Ranges ranges = find_ranges(source, count);
    int depth_bits = choose_depth_bits(ranges, count);
    auto bucket_of = [&](const Pair &pair) { return (depth_of(pair) - ranges.least_depth) >> depth_bits; };
    int64_t buckets = ((ranges.most_depth - ranges.least_depth) >> depth_bits) + 1, largest = 0;
    Buffer<uint32_t> ends;
    if (!ends.resize_zeroed(buckets)) return LINKAGE_NO_MEMORY;
    for (int64_t at = 0; at < count; at++) ends[bucket_of(source[at])]++;
    uint32_t start = 0;
    for (int64_t bucket = 0; bucket < buckets; bucket++) {
        uint32_t size = ends[bucket];
        if (size > largest) largest = size;
        ends[bucket] = start;
        start += size;
    }
    Buffer<Pair> spare;
    if (!spare.resize(largest)) return LINKAGE_NO_MEMORY;
    for (int64_t at = 0; at < count; at++) target[ends[bucket_of(source[at])]++] = source[at];
    for (int64_t bucket = 0; bucket < buckets; bucket++) {
        uint32_t first = bucket ? ends[bucket - 1] : 0;
        sort_bucket(target + first, spare.data(), ends[bucket] - first, ranges, depth_bits);
    }
    return 0;
}

}  // namespace
}  // namespace linkage

int64_t linkage_sort_pairs(const linkage_pair *source, linkage_pair *target, int64_t count) {
    return linkage::sort(source, target, count);
}

int64_t linkage_sort_candidates(const linkage_candidate *source, linkage_candidate *target, int64_t count) {
    return linkage::sort(source, target, count);
}
