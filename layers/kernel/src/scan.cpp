// Make, advance and free scans; the work is done by the paths (scan_*.cpp).
#include "scan.hpp"

using namespace linkage;

namespace {

bool in_bounds(const int64_t *rectangle, int64_t left_rows, int64_t right_rows) {
    return rectangle[0] >= 0 && rectangle[0] <= rectangle[1] && rectangle[1] <= left_rows && rectangle[2] >= 0 &&
           rectangle[2] <= rectangle[3] && rectangle[3] <= right_rows;
}

bool all_in_bounds(const linkage_comparison &comparison, const int64_t *rectangles, int64_t count) {
    for (int64_t at = 0; at < count; at++)
        if (!in_bounds(rectangles + 4 * at, comparison.left.rows, comparison.right.rows)) return false;
    return true;
}

// Allocate memory for the largest rectangle, so that nothing can fail later.
bool reserve(linkage_scan &scan, const int64_t *rectangles) {
    int64_t longest = 0, shortest = 0;
    for (int64_t at = 0; at < scan.count; at++) {
        const int64_t *rectangle = rectangles + 4 * at;
        int64_t height = rectangle[1] - rectangle[0], width = rectangle[3] - rectangle[2];
        int64_t longer = height > width ? height : width, shorter = height > width ? width : height;
        longest = longer > longest ? longer : longest;
        shortest = shorter > shortest ? shorter : shortest;
    }
    auto has_room = [](Part &part, int64_t rows) {
        return part.order.resize(rows) && part.spare.resize(rows) && part.rows.resize(rows);
    };
    return has_room(scan.lanes, longest) && has_room(scan.pairs, shortest) && scan.rectangles.resize(4 * scan.count) &&
           scan.offsets.resize((shortest + 1) / 2 * offsets_a_pair(*scan.comparison));
}

}  // namespace

linkage_scan *linkage_scan_new(const linkage_comparison *comparison, const int64_t *rectangles, int64_t count,
                               int64_t *error) {
    bool valid = count >= 0 && all_in_bounds(*comparison, rectangles, count);
    *error = valid ? LINKAGE_NO_MEMORY : LINKAGE_INVALID;
    auto *scan = valid ? create<linkage_scan>() : nullptr;
    if (!scan) return nullptr;
    scan->comparison = comparison;
    scan->count = count;
    if (!reserve(*scan, rectangles)) {
        destroy(scan);
        return nullptr;
    }
    if (count) memcpy(scan->rectangles.data(), rectangles, 4 * count * sizeof *rectangles);
    *error = 0;
    return scan;
}

int64_t linkage_scan_next(linkage_scan *scan, linkage_pair *pairs, int64_t capacity, int32_t *done) {
    *done = 0;
    if (capacity < LINKAGE_SCAN_CAPACITY) return LINKAGE_INVALID;
    return scan->comparison->path->next_pairs(*scan, pairs, capacity, done);
}

void linkage_scan_free(linkage_scan *scan) { destroy(scan); }
