// A fuzz target: whatever bytes are given, every path finds the pairs of the definition, and the solver answers or
// refuses. libFuzzer chooses the bytes by what they reach (`make fuzz`); a main of one's own may choose them at random.
#include <stdint.h>
#include <stdlib.h>

#include <initializer_list>
#include <memory>

#include "../src/kernel.h"

namespace {

// Hands out the input piece by piece; zeros once it is used up.
class Input {
   public:
    Input(const uint8_t *bytes, size_t count) : bytes_(bytes), left_(count) {}
    uint8_t next() { return left_ ? (--left_, *bytes_++) : 0; }
    int64_t below(int64_t limit) { return (next() * 256 + next()) % limit; }

   private:
    const uint8_t *bytes_;
    size_t left_;
};

void require(bool holds) {
    if (!holds) abort();
}

// Exactly as large as it is said to be, so that a sanitizer sees one byte too many.
std::unique_ptr<uint8_t[]> encodings(Input &input, int64_t rows, int64_t size) {
    std::unique_ptr<uint8_t[]> made(new uint8_t[rows * size]);
    for (int64_t at = 0; at < rows * size; ++at) made[at] = input.next();
    return made;
}

bool is_pair(const uint8_t *one, const uint8_t *other, int64_t size, double threshold) {
    int common = 0, total = 0;
    for (int64_t at = 0; at < size; ++at) {
        common += __builtin_popcount(one[at] & other[at]);
        total += __builtin_popcount(one[at]) + __builtin_popcount(other[at]);
    }
    return common && 2.0 * common / total >= threshold;
}

int64_t count_found(const linkage_comparison *comparison, const int64_t *rectangle) {
    int64_t error, found = 0;
    linkage_scan *scan = linkage_scan_new(comparison, rectangle, 1, &error);
    require(scan);
    std::unique_ptr<linkage_pair[]> pairs(new linkage_pair[LINKAGE_SCAN_CAPACITY]);
    for (int32_t done = 0; !done;) found += linkage_scan_next(scan, pairs.get(), LINKAGE_SCAN_CAPACITY, &done);
    linkage_scan_free(scan);
    return found;
}

void compare(Input &input) {
    const int64_t size = 8 * (1 + input.below(16)), left_rows = input.below(20), right_rows = input.below(20);
    const double threshold = (1 + input.below(1000)) / 1000.0;
    const int32_t reorder = input.next() & 1, filter_bits = static_cast<int32_t>(input.below(size * 8 + 1));
    const int64_t rows[] = {input.below(left_rows + 1), input.below(right_rows + 1)};
    const int64_t rectangle[] = {rows[0], left_rows, rows[1], right_rows};
    auto left = encodings(input, left_rows, size), right = encodings(input, right_rows, size);
    int64_t expected = 0;
    for (int64_t row = rows[0]; row < left_rows; ++row)
        for (int64_t column = rows[1]; column < right_rows; ++column)
            expected += is_pair(&left[row * size], &right[column * size], size, threshold);
    for (int path : {LINKAGE_PORTABLE, LINKAGE_AVX2, LINKAGE_AVX512, LINKAGE_NEON}) {
        if (linkage_path(path) < 0) continue;
        int64_t error;
        auto *comparison = linkage_comparison_new(left.get(), left_rows, right.get(), right_rows,
                                                  static_cast<int32_t>(size), threshold, nullptr, 0, reorder,
                                                  filter_bits, path, &error);
        require(comparison && count_found(comparison, rectangle) == expected);
        linkage_comparison_free(comparison);
    }
}

// Candidates as they come, good or bad, sorted or not: the solver may refuse them, and nothing else.
void group(Input &input) {
    const int64_t parties = 1 + input.below(5), count = input.below(60), max_pending = 1 + input.below(30);
    std::unique_ptr<int64_t[]> records(new int64_t[parties]);
    for (int64_t party = 0; party < parties; ++party) records[party] = input.below(12);
    std::unique_ptr<linkage_candidate[]> given(new linkage_candidate[count]), sorted(new linkage_candidate[count]);
    for (int64_t at = 0; at < count; ++at)
        given[at] = {input.next(), input.next(), static_cast<uint32_t>(input.below(11)),
                     static_cast<uint32_t>(input.below(13)), static_cast<uint32_t>(input.below(13))};
    require(linkage_sort_candidates(given.get(), sorted.get(), count) == 0);
    const linkage_candidate *fed = input.next() % 4 ? sorted.get() : given.get();
    int64_t error, groups, members;
    linkage_solver *solver = linkage_solver_new(parties, records.get(), max_pending, &error);
    if (solver && linkage_solver_feed(solver, fed, count) == 0) {
        linkage_solver_count(solver, &groups, &members);
        std::unique_ptr<uint32_t[]> datasets(new uint32_t[members]), rows(new uint32_t[members]);
        std::unique_ptr<int64_t[]> offsets(new int64_t[groups + 1]);
        require(linkage_solver_groups(solver, datasets.get(), rows.get(), offsets.get()) == 0);
        require(offsets[0] == 0 && offsets[groups] == members);
        for (int64_t at = 0; at < members; ++at)
            require(datasets[at] < parties && rows[at] < records[datasets[at]]);
    }
    linkage_solver_free(solver);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    Input input(bytes, count);
    input.next() % 2 ? group(input) : compare(input);
    return 0;
}

#ifdef LINKAGE_FUZZ_AT_RANDOM
#include <stdio.h>

// Inputs at random, the same each time, where no fuzzer is.
int main(int, char **arguments) {
    uint64_t state = 7;
    for (long turn = 0, turns = atol(arguments[1]); turn < turns; ++turn) {
        uint8_t bytes[2048];
        for (uint8_t &byte : bytes) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            byte = static_cast<uint8_t>(state >> 56) & static_cast<uint8_t>(turn % 3 ? 255 : state >> 48);
        }
        LLVMFuzzerTestOneInput(bytes, sizeof bytes);
    }
    printf("%s inputs\n", arguments[1]);
}
#endif
