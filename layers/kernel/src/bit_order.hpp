// Reorder the bits of encodings, the most selective first.
#pragma once

#include "comparison.hpp"

namespace linkage {

// Copy both sides with their bits in another order, the same for both sides. Counts of common bits stay the same, but
// the filter rules out more pairs by its first bits. False if memory ran out.
bool reorder_bits(linkage_comparison &comparison, const int64_t *sample, int64_t sample_count);

}  // namespace linkage
