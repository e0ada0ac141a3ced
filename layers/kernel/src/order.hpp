// The total order of candidate pairs: by descending score, then by ascending data sets, left and right record.
#pragma once

#include "kernel.h"

namespace linkage {

// A score is 2 * common / total with a total of at most 16,384, so two different scores differ by at least 2^-27.
// Multiplied by 2^30 and truncated, different scores become different integers, in the same order.
constexpr uint32_t kScoreScale = 1u << 30;

// Return the distance of a pair's score below 1.0. An invalid score (above 1, or 0 / 0) counts as 1.0.
template <class Pair>
inline uint32_t depth_of(const Pair &pair) {
    double score = 2.0 * pair.common / pair.total;
    return score < 1 ? kScoreScale - static_cast<uint32_t>(score * kScoreScale) : 0;
}

inline uint32_t datasets_of(const linkage_pair &) { return 0; }
inline uint32_t datasets_of(const linkage_candidate &candidate) { return candidate.datasets; }

// Tell whether `one` comes before `other`; their depths are given.
template <class Pair>
inline bool comes_before(const Pair &one, uint32_t one_depth, const Pair &other, uint32_t other_depth) {
    if (one_depth != other_depth) return one_depth < other_depth;
    if (datasets_of(one) != datasets_of(other)) return datasets_of(one) < datasets_of(other);
    return one.left != other.left ? one.left < other.left : one.right < other.right;
}

}  // namespace linkage
