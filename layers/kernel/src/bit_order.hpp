// Putting the most telling bits of encodings first.
#pragma once

#include "comparison.hpp"

namespace linkage {

// Copy both sides with their bits in another order, the same for both: counts stay what they are, but the filter tells
// more by its first bits. False if memory ran out.
bool reorder_bits(linkage_comparison &comparison, const int64_t *sample, int64_t sample_count);

}  // namespace linkage
