// The interface of both solvers: candidates are checked here, then go to the solver for two or for more data sets.
#include "group_solver.hpp"
#include "order.hpp"
#include "pair_solver.hpp"

namespace linkage {
namespace {

constexpr int64_t kMaxParties = 4096;  // so that a group's size, and the product of two, fit into their types

constexpr int64_t kAtATime = 64;       // candidates

struct Datasets {
    uint32_t left, right;
};

}  // namespace
}  // namespace linkage

using namespace linkage;

struct linkage_solver {
    Buffer<uint32_t> first_records;  // by data set, the number of its first record; then the number of all records
    Buffer<Datasets> pairs;          // of data sets, in the order of Python's itertools.combinations
    int64_t pair_count = 0;
    bool failed = false;
    bool fed = false;
    linkage_candidate last = {};
    uint32_t last_depth = 0;
    PairSolver of_two;
    GroupSolver of_many;

    bool two() const { return pair_count == 1; }
};

namespace {

bool prepare(linkage_solver &solver, int parties, const int64_t *record_counts, int64_t max_pending) {
    solver.pair_count = int64_t{parties} * (parties - 1) / 2;
    if (!solver.first_records.resize(parties + 1) || !solver.pairs.resize(solver.pair_count)) return false;
    solver.first_records[0] = 0;
    for (int party = 0; party < parties; party++)
        solver.first_records[party + 1] = solver.first_records[party] + static_cast<uint32_t>(record_counts[party]);
    int64_t pair = 0;
    for (int left = 0; left < parties; left++)
        for (int right = left + 1; right < parties; right++)
            solver.pairs[pair++] = {static_cast<uint32_t>(left), static_cast<uint32_t>(right)};
    return solver.two() ? solver.of_two.reserve(record_counts[0], record_counts[1])
                        : solver.of_many.reserve(parties, solver.first_records.data(), max_pending);
}

bool is_there(const linkage_solver &solver, const linkage_candidate &candidate) {
    if (candidate.datasets >= solver.pair_count || !candidate.total || !candidate.common) return false;
    const Datasets &pair = solver.pairs[candidate.datasets];
    const auto &first = solver.first_records;
    return candidate.left < first[pair.left + 1] - first[pair.left] &&
           candidate.right < first[pair.right + 1] - first[pair.right];
}

// Check that the candidates' records exist and that they are in order, before any of them is added.
int64_t check(linkage_solver &solver, const linkage_candidate *candidates, int64_t count) {
    for (int64_t at = 0; at < count; at++) {
        const linkage_candidate &candidate = candidates[at];
        if (!is_there(solver, candidate)) return LINKAGE_INVALID;
        uint32_t depth = depth_of(candidate);
        if (solver.fed && !comes_before(at ? candidates[at - 1] : solver.last, solver.last_depth, candidate, depth))
            return LINKAGE_OUT_OF_ORDER;
        solver.fed = true;
        solver.last_depth = depth;
    }
    if (count) solver.last = candidates[count - 1];
    return 0;
}

// Most of the time would be spent waiting for memory, so the memory of a few candidates is prefetched before the first
// of them is added.
int64_t take_of_many(linkage_solver &solver, const linkage_candidate *candidates, int64_t count) {
    Record left[kAtATime], right[kAtATime];
    GroupSolver &groups = solver.of_many;
    for (int64_t at = 0; at < count; at++) {
        const Datasets &pair = solver.pairs[candidates[at].datasets];
        left[at] = solver.first_records[pair.left] + candidates[at].left;
        right[at] = solver.first_records[pair.right] + candidates[at].right;
        groups.expect_records(left[at], right[at]);
    }
    for (int64_t at = 0; at < count; at++) groups.expect_groups(left[at], right[at]);
    for (int64_t at = 0; at < count; at++) groups.expect_counters(left[at], right[at]);
    for (int64_t at = 0; at < count; at++)
        if (int64_t error = groups.take(left[at], right[at])) return error;
    return 0;
}

int64_t feed(linkage_solver &solver, const linkage_candidate *candidates, int64_t count) {
    for (int64_t start = 0; start < count; start += kAtATime) {
        int64_t some = count - start < kAtATime ? count - start : kAtATime;
        if (int64_t error = check(solver, candidates + start, some)) return error;
        if (!solver.two()) {
            if (int64_t error = take_of_many(solver, candidates + start, some)) return error;
            continue;
        }
        for (int64_t at = start; at < start + some; at++) solver.of_two.take(candidates[at].left, candidates[at].right);
    }
    return 0;
}

}  // namespace

linkage_solver *linkage_solver_new(int64_t parties, const int64_t *record_counts, int64_t max_pending,
                                   int64_t *error) {
    int64_t records = 0;
    bool valid = parties >= 2 && parties <= kMaxParties && max_pending >= 0;
    for (int64_t party = 0; valid && party < parties; party++) {
        valid = record_counts[party] >= 0 && record_counts[party] < UINT32_MAX - records;
        records += record_counts[party];
    }
    *error = valid ? LINKAGE_NO_MEMORY : LINKAGE_INVALID;
    auto *solver = valid ? create<linkage_solver>() : nullptr;
    if (!solver) return nullptr;
    if (!prepare(*solver, static_cast<int>(parties), record_counts, max_pending)) {
        destroy(solver);
        return nullptr;
    }
    *error = 0;
    return solver;
}

int64_t linkage_solver_feed(linkage_solver *solver, const linkage_candidate *candidates, int64_t count) {
    if (solver->failed || count < 0) return LINKAGE_INVALID;
    int64_t error = feed(*solver, candidates, count);
    solver->failed = error != 0;
    return error;
}

void linkage_solver_count(const linkage_solver *solver, int64_t *groups, int64_t *records) {
    *groups = solver->two() ? solver->of_two.groups() : solver->of_many.groups();
    *records = solver->two() ? solver->of_two.records() : solver->of_many.records();
}

int64_t linkage_solver_groups(const linkage_solver *solver, uint32_t *datasets, uint32_t *records, int64_t *offsets) {
    if (solver->failed) return LINKAGE_INVALID;
    solver->two() ? solver->of_two.write(datasets, records, offsets)
                  : solver->of_many.write(datasets, records, offsets);
    return 0;
}

void linkage_solver_free(linkage_solver *solver) { destroy(solver); }
