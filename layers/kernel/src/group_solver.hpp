// Greedy grouping of three or more data sets.
//
// Two groups merge once every pair of their records is a candidate. Two groups that share a data set can never merge,
// because no candidate is within a data set: nothing is stored for them. For two other groups, a counter counts the
// candidates between them until it reaches the product of their sizes. A merge adds up the counters of both groups, and
// drops the counters with groups that now share a data set.
#pragma once

#include "pending.hpp"

namespace linkage {

// A record's number: the data sets are numbered through, one after the other.
using Record = uint32_t;

class GroupSolver {
  public:
    [[nodiscard]] bool reserve(int parties, const uint32_t *first_records, int64_t max_pending) {
        parties_ = parties;
        mask_words_ = (parties + 63) / 64;
        first_records_ = first_records;
        int64_t records = first_records[parties];
        bool enough = group_of_.resize(records) && next_member_.resize(records) && sizes_.resize(records) &&
                      masks_.resize_zeroed(records * mask_words_) && pending_.reserve(records, max_pending);
        for (int party = 0; enough && party < parties; party++)
            for (uint32_t record = first_records[party]; record < first_records[party + 1]; record++) {
                group_of_[record] = next_member_[record] = record;
                sizes_[record] = 1;
                mask(record)[party / 64] |= uint64_t{1} << party % 64;
            }
        return enough;
    }
    // Prefetch the memory that a candidate will need: first of its records, later of their groups.
    void expect_records(Record left, Record right) const {
        __builtin_prefetch(&group_of_[left]);
        __builtin_prefetch(&group_of_[right]);
    }
    void expect_groups(Record left, Record right) const {
        uint32_t one = group_of_[left], other = group_of_[right];
        __builtin_prefetch(mask(one));
        __builtin_prefetch(mask(other));
        __builtin_prefetch(&sizes_[one]);
        __builtin_prefetch(&sizes_[other]);
        pending_.expect(one, other);
    }
    void expect_counters(Record left, Record right) const {
        pending_.expect_counters(group_of_[left], group_of_[right]);
    }
    // Add the candidate of two records of different data sets. Returns 0 or an error code.
    int64_t take(Record left, Record right) {
        uint32_t one = group_of_[left], other = group_of_[right];
        if (share_a_dataset(one, other)) return 0;
        uint32_t needed = uint32_t{sizes_[one]} * sizes_[other];
        if (needed > 1) {
            uint32_t counter;
            if (int64_t error = pending_.add(one, other, 1, &counter)) return error;
            if (pending_[counter].seen < needed) return 0;
            pending_.remove(counter);
        }
        return sizes_[one] < sizes_[other] ? merge(other, one) : merge(one, other);
    }
    int64_t groups() const { return groups_; }
    int64_t records() const { return records_; }
    void write(uint32_t *datasets, uint32_t *records, int64_t *offsets) const {
        int64_t at = 0, group = 0;
        for (int party = 0; party < parties_; party++) {
            for (uint32_t record = first_records_[party]; record < first_records_[party + 1]; record++) {
                if (sizes_[group_of_[record]] == 1 || !is_first(record)) continue;
                offsets[group++] = at;
                at = write_group(record, party, at, datasets, records);
            }
        }
        offsets[group] = at;
    }

  private:
    uint64_t *mask(uint32_t group) { return masks_.data() + int64_t{group} * mask_words_; }
    const uint64_t *mask(uint32_t group) const { return masks_.data() + int64_t{group} * mask_words_; }

    bool share_a_dataset(uint32_t one, uint32_t other) const {
        for (int word = 0; word < mask_words_; word++)
            if (mask(one)[word] & mask(other)[word]) return true;
        return false;
    }
    // Merge the group `gone` into the group `kept`. The counter between them is removed already.
    int64_t merge(uint32_t kept, uint32_t gone) {
        groups_ += (sizes_[kept] == 1) - (sizes_[gone] > 1);
        records_ += (sizes_[kept] == 1) + (sizes_[gone] == 1);
        drop_hopeless(kept, gone);
        if (int64_t error = move_counters(gone, kept)) return error;
        uint32_t member = gone;
        do group_of_[member] = kept;
        while ((member = next_member_[member]) != gone);
        uint32_t swap = next_member_[kept];
        next_member_[kept] = next_member_[gone];
        next_member_[gone] = swap;
        for (int word = 0; word < mask_words_; word++) mask(kept)[word] |= mask(gone)[word];
        sizes_[kept] = static_cast<uint16_t>(sizes_[kept] + sizes_[gone]);
        return 0;
    }
    // Drop the counters between `group` and every group that shares a data set with `joining`.
    void drop_hopeless(uint32_t group, uint32_t joining) {
        for (uint32_t counter = pending_.first_of(group), next; counter != kNone; counter = next) {
            next = pending_.next_of(counter, group);
            if (share_a_dataset(pending_[counter].other_than(group), joining)) pending_.remove(counter);
        }
    }
    // Add the counters of one group to those of another, except for groups that share a data set with it.
    int64_t move_counters(uint32_t from, uint32_t to) {
        for (uint32_t counter = pending_.first_of(from); counter != kNone; counter = pending_.first_of(from)) {
            uint32_t other = pending_[counter].other_than(from), seen = pending_[counter].seen, moved;
            pending_.remove(counter);
            if (share_a_dataset(other, to)) continue;
            if (int64_t error = pending_.add(to, other, seen, &moved)) return error;
        }
        return 0;
    }
    bool is_first(uint32_t record) const {
        for (uint32_t member = next_member_[record]; member != record; member = next_member_[member])
            if (member < record) return false;
        return true;
    }
    // Write a group's members in ascending order, which is by data set: a group has at most one record of each.
    int64_t write_group(uint32_t first, int party, int64_t at, uint32_t *datasets, uint32_t *records) const {
        int64_t start = at;
        uint32_t member = first;
        do {
            int64_t place = at++;
            for (; place > start && records[place - 1] > member; place--) records[place] = records[place - 1];
            records[place] = member;
        } while ((member = next_member_[member]) != first);
        for (int64_t place = start; place < at; place++) {
            while (records[place] >= first_records_[party + 1]) party++;
            datasets[place] = static_cast<uint32_t>(party);
            records[place] -= first_records_[party];
        }
        return at;
    }

    int parties_ = 0, mask_words_ = 0;
    const uint32_t *first_records_ = nullptr;  // by data set, its first record's number; then the number of all records
    int64_t groups_ = 0, records_ = 0;
    Buffer<uint32_t> group_of_;     // by record; a group's number is that of one of its records
    Buffer<uint32_t> next_member_;  // by record, the next of its group: a ring
    Buffer<uint16_t> sizes_;        // by group
    Buffer<uint64_t> masks_;        // by group, a bit for each data set with a record in it
    Pending pending_;
};

}  // namespace linkage
