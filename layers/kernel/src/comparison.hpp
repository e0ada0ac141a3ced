// All data that is calculated before the first pair is compared. All threads and all rectangles share it.
#pragma once

#include "kernel.h"
#include "memory.hpp"

namespace linkage {

constexpr int kMaxBits = 8192;
// The filter takes three nibbles at a time (see filter.hpp).
constexpr int kNibblesAtATime = 3;

// One of the two arrays of encodings.
struct Side {
    const uint64_t *words = nullptr;  // (rows, words per row): `reordered`, or the caller's array
    Buffer<uint64_t> reordered;
    Buffer<uint16_t> popcounts;  // of each row
    Buffer<uint16_t> rests;      // of each row: popcount of the bits after the filter's
    int64_t rows = 0;
};

struct Path;

}  // namespace linkage

struct linkage_comparison {
    linkage::Side left, right;
    int words = 0;        // of a row
    int bits = 0;         // of a row
    int filter_bits = 0;  // a multiple of 12, or up to 11 more than bits
    double threshold = 0;
    const linkage::Path *path = nullptr;

    // By popcount sum: the smallest number of common bits of a candidate; more than possible if there is none.
    linkage::Buffer<int32_t> smallest_common;
    // By popcount: the range of popcounts that a candidate partner can have; lowest > highest if there is none.
    linkage::Buffer<int32_t> lowest_partner, highest_partner;
};

struct linkage_scan;

namespace linkage {

// A path: an implementation of comparing. Code that runs per row or pair is compiled for the path's processor.
struct Path {
    // Fill in the popcounts and rests of a side; their memory is allocated already.
    void (*count_bits)(Side &side, int words, int filter_bits);
    // Find the next pairs of a scan: see linkage_scan_next.
    int64_t (*next_pairs)(linkage_scan &scan, linkage_pair *pairs, int64_t capacity, int32_t *done);
};

extern const Path kPortablePath;
#if defined(__x86_64__)
extern const Path kAvx2Path, kAvx512Path;
#elif defined(__aarch64__)
extern const Path kNeonPath;
#endif

}  // namespace linkage
