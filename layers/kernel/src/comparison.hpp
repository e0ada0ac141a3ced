// What is known before the first pair is compared: the same for all threads and all rectangles.
#pragma once

#include "kernel.h"
#include "memory.hpp"

namespace linkage {

constexpr int kMaxBits = 8192;
// The filter takes nibbles in threes (see scan.hpp).
constexpr int kNibblesAtATime = 3;

// One of the two arrays of encodings.
struct Side {
    const uint64_t *words = nullptr;  // (rows, words a row); `reordered`, or what the caller has
    Buffer<uint64_t> reordered;
    Buffer<uint16_t> popcounts;  // of each row
    Buffer<uint16_t> rests;      // popcount of each row's bits that the filter does not look at
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

    // By the sum of two popcounts, the fewest common bits that make a candidate; more than there can be if none do.
    linkage::Buffer<int32_t> smallest_common;
    // By one popcount, the popcounts that a candidate partner can have; lowest > highest if none can.
    linkage::Buffer<int32_t> lowest_partner, highest_partner;
};

struct linkage_scan;

namespace linkage {

// One way to compare. What is done for every row or pair is compiled for the path's processor.
struct Path {
    // Fill in the popcounts and rests of a side whose memory is there already.
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
