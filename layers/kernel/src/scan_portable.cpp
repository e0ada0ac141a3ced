// The path for any processor: every pair is counted in full. It is what the others are tested against.
#include "rows.hpp"

namespace linkage {

int64_t scan_next_portable(linkage_scan &scan, linkage_pair *pairs, int64_t capacity, int32_t *done) {
    Output output{pairs, capacity};
    for (; scan.at < scan.count; scan.at++, scan.open = false) {
        if (!scan.open) open_parts(scan);
        scan.open = true;
        if (!walk_rows<0>(scan, output)) return output.count;
    }
    *done = 1;
    return output.count;
}

}  // namespace linkage
