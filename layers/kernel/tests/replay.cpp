// Replays problems from the standard input and writes their answers to the standard output: to test other processors
// under an emulator, and builds with sanitizers. tests/builds/test_replay.py writes the problems and reads the answers.
//
// Each problem begins with an int64, its kind.
//
// Kind 0, a comparison: int64 left rows, right rows, encoding size, samples, rectangles, reorder, filter bits, path;
// double threshold; then the arrays. Answer: int64 count, then the pairs; or an error code below 0.
//
// Kind 1, a grouping: int64 parties, candidates, max_pending, then record counts and candidates, which are sorted
// first. Answer: int64 error or 0, groups, records, then data sets, records and offsets.
#include <stdio.h>
#include <stdlib.h>

#include <initializer_list>

#include "../src/kernel.h"

namespace {

enum { kLeftRows, kRightRows, kSize, kSamples, kRectangles, kReorder, kFilterBits, kPath, kNumbers };

// Exactly as large as the data, so that a sanitizer detects an access of one byte too many.
void *read(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (bytes && fread(memory, 1, bytes, stdin) != bytes) abort();
    return memory;
}

void write_count(int64_t count) { fwrite(&count, sizeof count, 1, stdout); }

int64_t scan(linkage_comparison *comparison, const int64_t *rectangles, int64_t count, FILE *pairs) {
    int64_t error, found = 0;
    linkage_scan *scan = linkage_scan_new(comparison, rectangles, count, &error);
    if (!scan) return error;
    int64_t capacity = LINKAGE_SCAN_CAPACITY;
    auto *some = static_cast<linkage_pair *>(malloc(capacity * sizeof(linkage_pair)));
    for (int32_t done = 0; !done;) {
        int64_t more = linkage_scan_next(scan, some, capacity, &done);
        fwrite(some, sizeof *some, more, pairs);
        found += more;
    }
    free(some);
    linkage_scan_free(scan);
    return found;
}

void replay(const int64_t *numbers) {
    auto *threshold = static_cast<double *>(read(sizeof(double)));
    auto *left = static_cast<uint8_t *>(read(numbers[kLeftRows] * numbers[kSize]));
    auto *right = static_cast<uint8_t *>(read(numbers[kRightRows] * numbers[kSize]));
    auto *sample = static_cast<int64_t *>(read(numbers[kSamples] * 2 * sizeof(int64_t)));
    auto *rectangles = static_cast<int64_t *>(read(numbers[kRectangles] * 4 * sizeof(int64_t)));
    int64_t count;
    auto *comparison = linkage_comparison_new(left, numbers[kLeftRows], right, numbers[kRightRows],
                                              static_cast<int32_t>(numbers[kSize]), *threshold, sample,
                                              numbers[kSamples], static_cast<int32_t>(numbers[kReorder]),
                                              static_cast<int32_t>(numbers[kFilterBits]),
                                              static_cast<int32_t>(numbers[kPath]), &count);
    char *pairs = nullptr;
    size_t bytes = 0;
    FILE *file = open_memstream(&pairs, &bytes);
    if (comparison) count = scan(comparison, rectangles, numbers[kRectangles], file);
    fclose(file);
    write_count(count);
    fwrite(pairs, 1, bytes, stdout);
    linkage_comparison_free(comparison);
    for (void *memory : {static_cast<void *>(threshold), static_cast<void *>(left), static_cast<void *>(right),
                         static_cast<void *>(sample), static_cast<void *>(rectangles), static_cast<void *>(pairs)})
        free(memory);
}

void replay_grouping(int64_t parties, int64_t count, int64_t max_pending) {
    auto *record_counts = static_cast<int64_t *>(read(parties * sizeof(int64_t)));
    auto *candidates = static_cast<linkage_candidate *>(read(count * sizeof(linkage_candidate)));
    auto *sorted = static_cast<linkage_candidate *>(malloc(count * sizeof(linkage_candidate) + 1));
    int64_t error, groups = 0, records = 0;
    linkage_sort_candidates(candidates, sorted, count);
    linkage_solver *solver = linkage_solver_new(parties, record_counts, max_pending, &error);
    if (solver) error = linkage_solver_feed(solver, sorted, count / 3);
    if (solver && !error) error = linkage_solver_feed(solver, sorted + count / 3, count - count / 3);
    if (solver && !error) linkage_solver_count(solver, &groups, &records);
    auto *datasets = static_cast<uint32_t *>(malloc(records * sizeof(uint32_t) + 1));
    auto *members = static_cast<uint32_t *>(malloc(records * sizeof(uint32_t) + 1));
    auto *offsets = static_cast<int64_t *>(calloc(groups + 1, sizeof(int64_t)));
    if (solver && !error) linkage_solver_groups(solver, datasets, members, offsets);
    for (int64_t number : {error, groups, records}) write_count(number);
    fwrite(datasets, sizeof *datasets, records, stdout);
    fwrite(members, sizeof *members, records, stdout);
    fwrite(offsets, sizeof *offsets, groups + 1, stdout);
    linkage_solver_free(solver);
    for (void *memory : {static_cast<void *>(record_counts), static_cast<void *>(candidates),
                         static_cast<void *>(sorted), static_cast<void *>(datasets), static_cast<void *>(members),
                         static_cast<void *>(offsets)})
        free(memory);
}

}  // namespace

int main() {
    for (int64_t kind; fread(&kind, sizeof kind, 1, stdin) == 1;) {
        int64_t numbers[kNumbers];
        int64_t count = kind ? 3 : kNumbers;
        if (fread(numbers, sizeof *numbers, count, stdin) != static_cast<size_t>(count)) abort();
        kind ? replay_grouping(numbers[0], numbers[1], numbers[2]) : replay(numbers);
    }
    return 0;
}
