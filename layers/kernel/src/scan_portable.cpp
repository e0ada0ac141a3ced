// The path for any processor: every pair is counted in full. The other paths are tested against it.
#include "rows.hpp"

namespace linkage {
namespace {

int64_t next_pairs(linkage_scan &scan, linkage_pair *pairs, int64_t capacity, int32_t *done) {
    Output output{pairs, capacity};
    for (; scan.at < scan.count; scan.at++, scan.open = false) {
        if (!scan.open) open_parts(scan);
        scan.open = true;
        if (!walk_rows<0>(scan, output)) return output.count;
    }
    *done = 1;
    return output.count;
}

}  // namespace

const Path kPortablePath = {count_bits, next_pairs};

}  // namespace linkage
