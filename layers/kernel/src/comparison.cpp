// Preparation of a comparison: popcounts, the common bits that the threshold requires, the order of the bits, and the
// filter's length.
#include "comparison.hpp"

#include "bit_order.hpp"
#include "paths.hpp"

namespace linkage {
namespace {

// Costs in processor cycles, by which the filter's length is chosen: of filtering a pair, per bit (3.5 cycles for 1,024
// bits), and of counting in full a pair that passed the filter. Only their ratio matters, and not much.
constexpr double kFilterCost = 3.5 / 1024;
constexpr double kCountCost = 60;
// The number of bits that the filter takes at a time; its length is chosen in steps of twice that number.
constexpr int kFilterBits = 4 * kNibblesAtATime;
constexpr int kStepBits = 2 * kFilterBits, kStepBytes = kStepBits / 8;
constexpr int64_t kMaxSample = 1 << 16;

int popcount(const uint64_t *row, int words) {
    int count = 0;
    for (int word = 0; word < words; word++) count += __builtin_popcountll(row[word]);
    return count;
}

// For each popcount sum, find the smallest number of common bits that makes a candidate. This uses the definition's own
// arithmetic (a score is 2 * common / total in doubles), so that no rounding differs. The search starts two below an
// estimate, which need only be near.
bool fill_smallest_common(linkage_comparison &comparison, double threshold) {
    int totals = 2 * comparison.bits + 1;
    if (!comparison.smallest_common.resize(totals)) return false;
    for (int total = 0; total < totals; total++) {
        int common = static_cast<int>(threshold * total / 2) - 2;
        if (common < 1) common = 1;  // a pair with nothing in common is no candidate
        while (common <= comparison.bits && 2.0 * common / total < threshold) common++;
        comparison.smallest_common[total] = common;
    }
    comparison.smallest_common[0] = comparison.bits + 1;
    return true;
}

// For each popcount, find the range of popcounts that a candidate partner can have: two encodings have at most as many
// bits in common as the smaller popcount. The score of nested encodings, rounded or not, falls as their popcounts move
// apart, so that neither end of the range falls as the popcount grows: each is sought from the one before.
bool fill_partners(linkage_comparison &comparison) {
    int bits = comparison.bits;
    if (!comparison.lowest_partner.resize(bits + 1) || !comparison.highest_partner.resize(bits + 1)) return false;
    comparison.lowest_partner[0] = 0, comparison.highest_partner[0] = -1;  // no bit set: no partner
    const auto &smallest = comparison.smallest_common;
    int lowest = 1, highest = 1;
    for (int popcount = 1; popcount <= bits; popcount++) {
        while (smallest[popcount + lowest] > lowest) lowest++;  // ends at the popcount itself, with which the score is 1
        while (highest < bits && smallest[popcount + highest + 1] <= popcount) highest++;
        comparison.lowest_partner[popcount] = lowest;
        comparison.highest_partner[popcount] = highest;
    }
    return true;
}

// The bits of one step of a row.
uint32_t step_of(const uint64_t *row, int step) {
    uint32_t bits = 0;
    memcpy(&bits, reinterpret_cast<const uint8_t *>(row) + step * kStepBytes, kStepBytes);
    return bits;
}

// For each step of the filter, count the sampled pairs that may still be candidates after it.
void count_passed(const linkage_comparison &comparison, const int64_t *sample, int64_t count, int64_t *passed) {
    int words = comparison.words, steps = comparison.bits / kStepBits;
    for (int64_t pair = 0; pair < count; pair++) {
        const uint64_t *one = comparison.left.words + sample[2 * pair] * words;
        const uint64_t *other = comparison.right.words + sample[2 * pair + 1] * words;
        int one_rest = popcount(one, words), other_rest = popcount(other, words);
        int needed = comparison.smallest_common[one_rest + other_rest];
        for (int step = 0; step < steps; step++) {
            uint32_t one_bits = step_of(one, step), other_bits = step_of(other, step);
            needed -= __builtin_popcount(one_bits & other_bits);
            one_rest -= __builtin_popcount(one_bits);
            other_rest -= __builtin_popcount(other_bits);
            if ((one_rest < other_rest ? one_rest : other_rest) < needed) break;
            passed[step]++;
        }
    }
}

// Return the filter length with the lowest cost for the sample.
int choose_filter_bits(const linkage_comparison &comparison, const int64_t *sample, int64_t count) {
    int steps = comparison.bits / kStepBits, best = comparison.bits;
    Buffer<int64_t> passed;
    if (!count || !passed.resize_zeroed(steps)) return best;
    count_passed(comparison, sample, count, passed.data());
    double best_cost = kFilterCost * comparison.bits;
    for (int step = 0; step < steps; step++) {
        double cost = kFilterCost * (step + 1) * kStepBits + kCountCost * passed[step] / count;
        if (cost < best_cost) best = (step + 1) * kStepBits, best_cost = cost;
    }
    return best;
}

bool rows_exist(const int64_t *sample, int64_t count, int64_t left_rows, int64_t right_rows) {
    for (int64_t pair = 0; pair < count; pair++) {
        int64_t left = sample[2 * pair], right = sample[2 * pair + 1];
        if (left < 0 || left >= left_rows || right < 0 || right >= right_rows) return false;
    }
    return true;
}

bool prepare(linkage_comparison &comparison, double threshold, const int64_t *sample, int64_t sample_count,
             bool reorder, int filter_bits) {
    Side *sides[] = {&comparison.left, &comparison.right};
    if (!fill_smallest_common(comparison, threshold) || !fill_partners(comparison)) return false;
    if (reorder && sample_count && !reorder_bits(comparison, sample, sample_count)) return false;
    if (!filter_bits) filter_bits = choose_filter_bits(comparison, sample, sample_count);
    comparison.filter_bits = (filter_bits + kFilterBits - 1) / kFilterBits * kFilterBits;
    for (Side *side : sides) {
        if (!side->popcounts.resize(side->rows) || !side->rests.resize(side->rows)) return false;
        comparison.path->count_bits(*side, comparison.words, comparison.filter_bits);
    }
    return true;
}

}  // namespace
}  // namespace linkage

using namespace linkage;

linkage_comparison *linkage_comparison_new(const uint8_t *left, int64_t left_rows, const uint8_t *right,
                                           int64_t right_rows, int32_t size, double threshold, const int64_t *sample,
                                           int64_t sample_count, int32_t reorder, int32_t filter_bits, int32_t path, int64_t *error) {
    bool valid = size >= 8 && size <= kMaxBits / 8 && size % 8 == 0 && threshold > 0 && threshold <= 1;
    valid = valid && left_rows >= 0 && right_rows >= 0 && left_rows <= UINT32_MAX && right_rows <= UINT32_MAX;
    valid = valid && filter_bits >= 0 && filter_bits <= 8 * size && linkage_path(path) > 0;
    valid = valid && sample_count >= 0 && sample_count <= kMaxSample;
    valid = valid && rows_exist(sample, sample_count, left_rows, right_rows);
    *error = valid ? LINKAGE_NO_MEMORY : LINKAGE_INVALID;
    auto *comparison = valid ? create<linkage_comparison>() : nullptr;
    if (!comparison) return nullptr;
    comparison->words = size / 8;
    comparison->bits = size * 8;
    comparison->threshold = threshold;
    comparison->path = path_functions(linkage_path(path));
    comparison->left.words = reinterpret_cast<const uint64_t *>(left);
    comparison->left.rows = left_rows;
    comparison->right.words = reinterpret_cast<const uint64_t *>(right);
    comparison->right.rows = right_rows;
    if (!prepare(*comparison, threshold, sample, sample_count, reorder != 0, filter_bits)) {
        destroy(comparison);
        return nullptr;
    }
    *error = 0;
    return comparison;
}

int32_t linkage_comparison_filter_bits(const linkage_comparison *comparison) { return comparison->filter_bits; }

void linkage_comparison_free(linkage_comparison *comparison) { destroy(comparison); }
