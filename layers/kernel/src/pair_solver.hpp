// Greedy grouping of two data sets: a candidate becomes a group if neither of its records is in a group yet. One bit
// per record stores that: the bits fit into a cache where a table would not.
#pragma once

#include "memory.hpp"

namespace linkage {

class PairSolver {
  public:
    [[nodiscard]] bool reserve(int64_t left_records, int64_t right_records) {
        left_records_ = left_records;
        return left_taken_.resize_zeroed(left_records / 64 + 1) && right_taken_.resize_zeroed(right_records / 64 + 1) &&
               partners_.resize_zeroed(left_records);
    }
    void take(uint32_t left, uint32_t right) {
        uint64_t left_bit = uint64_t{1} << left % 64, right_bit = uint64_t{1} << right % 64;
        if (left_taken_[left / 64] & left_bit || right_taken_[right / 64] & right_bit) return;
        left_taken_[left / 64] |= left_bit;
        right_taken_[right / 64] |= right_bit;
        partners_[left] = right;
        groups_++;
    }
    int64_t groups() const { return groups_; }
    int64_t records() const { return 2 * groups_; }
    void write(uint32_t *datasets, uint32_t *records, int64_t *offsets) const {
        int64_t at = 0, group = 0;
        for (int64_t left = 0; left < left_records_; left++) {
            if (!(left_taken_[left / 64] >> left % 64 & 1)) continue;
            offsets[group++] = at;
            datasets[at] = 0, records[at++] = static_cast<uint32_t>(left);
            datasets[at] = 1, records[at++] = partners_[left];
        }
        offsets[group] = at;
    }

  private:
    int64_t left_records_ = 0, groups_ = 0;
    Buffer<uint64_t> left_taken_, right_taken_;  // one bit per record
    Buffer<uint32_t> partners_;                  // by left record, if it is taken
};

}  // namespace linkage
