// Counters for pairs of groups that may still merge: the number of candidates seen between the two groups.
//
// A hash table finds the counter of two groups. Each group also has a doubly linked list of all its counters, so each
// counter is in two lists and can be removed from both.
#pragma once

#include <initializer_list>

#include "kernel.h"
#include "memory.hpp"

namespace linkage {

constexpr uint32_t kNone = UINT32_MAX;

class Pending {
  public:
    struct Counter {
        uint32_t groups[2];
        uint32_t seen;
        uint32_t next[2], previous[2];  // in the lists of both groups
        uint32_t other_than(uint32_t group) const { return groups[groups[0] == group]; }
    };

    [[nodiscard]] bool reserve(int64_t groups, int64_t most) {
        most_ = most < kNone ? most : kNone - 1;
        if (!heads_.resize(groups)) return false;
        for (int64_t group = 0; group < groups; group++) heads_[group] = kNone;
        return grow_table(1024);
    }
    uint32_t first_of(uint32_t group) const { return heads_[group]; }
    uint32_t next_of(uint32_t counter, uint32_t group) const {
        return counters_[counter].next[side_of(counters_[counter], group)];
    }
    const Counter &operator[](uint32_t counter) const { return counters_[counter]; }

    // Prefetch the memory of the counter of two groups: first of the tables that point to it, later of the counter
    // itself.
    void expect(uint32_t one, uint32_t other) const {
        __builtin_prefetch(&slots_[home_of(one, other)]);
        __builtin_prefetch(&heads_[one], 1);
        __builtin_prefetch(&heads_[other], 1);
    }
    void expect_counters(uint32_t one, uint32_t other) const {
        for (uint32_t counter : {slots_[home_of(one, other)], heads_[one], heads_[other]})
            if (counter != kNone) __builtin_prefetch(&counters_[counter], 1);
    }

    // Add to the counter of two groups; make it if there is none. Sets `counter`. Returns 0 or an error code.
    int64_t add(uint32_t one, uint32_t other, uint32_t seen, uint32_t *counter) {
        uint32_t slot = find(one, other);
        if (slots_[slot] == kNone) {
            if (used_ >= most_) return LINKAGE_LIMIT;
            if (2 * (used_ + 1) > mask_) {
                if (!grow_table(2 * (int64_t{mask_} + 1))) return LINKAGE_NO_MEMORY;
                slot = find(one, other);
            }
            uint32_t made;
            if (!make(one, other, &made)) return LINKAGE_NO_MEMORY;
            slots_[slot] = made;
        }
        *counter = slots_[slot];
        counters_[*counter].seen += seen;
        return 0;
    }
    void remove(uint32_t counter) {
        Counter &gone = counters_[counter];
        empty(find(gone.groups[0], gone.groups[1]));
        for (int side = 0; side < 2; side++) {
            uint32_t next = gone.next[side], previous = gone.previous[side], group = gone.groups[side];
            if (next != kNone) counters_[next].previous[side_of(counters_[next], group)] = previous;
            if (previous != kNone)
                counters_[previous].next[side_of(counters_[previous], group)] = next;
            else
                heads_[group] = next;
        }
        gone.groups[0] = kNone;  // marks it as free
        gone.next[0] = free_;
        free_ = counter;
        used_--;
    }

  private:
    static int side_of(const Counter &counter, uint32_t group) { return counter.groups[0] != group; }

    uint32_t home_of(uint32_t one, uint32_t other) const {
        uint64_t lower = one < other ? one : other, upper = one < other ? other : one;
        uint64_t mixed = (upper << 32 | lower) * 0x9E3779B97F4A7C15;
        return static_cast<uint32_t>(mixed >> 32 ^ mixed >> 7) & mask_;
    }
    // Return the slot that has the counter of two groups, or the empty slot where it would be.
    uint32_t find(uint32_t one, uint32_t other) const {
        uint32_t slot = home_of(one, other);
        for (; slots_[slot] != kNone; slot = (slot + 1) & mask_) {
            const Counter &counter = counters_[slots_[slot]];
            if ((counter.groups[0] == one && counter.groups[1] == other) ||
                (counter.groups[0] == other && counter.groups[1] == one))
                break;
        }
        return slot;
    }
    // Empty a slot, and move up the counters that would not be found behind the gap.
    void empty(uint32_t slot) {
        for (uint32_t next = (slot + 1) & mask_; slots_[next] != kNone; next = (next + 1) & mask_) {
            const Counter &counter = counters_[slots_[next]];
            uint32_t home = home_of(counter.groups[0], counter.groups[1]);
            if (((next - home) & mask_) < ((next - slot) & mask_)) continue;
            slots_[slot] = slots_[next];
            slot = next;
        }
        slots_[slot] = kNone;
    }
    [[nodiscard]] bool grow_table(int64_t size) {
        if (size > int64_t{1} << 32 || !slots_.resize(size)) return false;
        mask_ = static_cast<uint32_t>(size - 1);
        for (int64_t slot = 0; slot < size; slot++) slots_[slot] = kNone;
        for (uint32_t counter = 0; counter < made_; counter++) {
            const uint32_t *groups = counters_[counter].groups;
            if (groups[0] != kNone) slots_[find(groups[0], groups[1])] = counter;
        }
        return true;
    }
    // Make a counter at the head of both groups' lists.
    [[nodiscard]] bool make(uint32_t one, uint32_t other, uint32_t *made) {
        if (free_ != kNone) {
            *made = free_;
            free_ = counters_[free_].next[0];
        } else {
            if (made_ == room_) {
                int64_t room = room_ ? 2 * room_ : 1024;
                if (!counters_.grow(room)) return false;
                room_ = room;
            }
            *made = made_++;
        }
        Counter &counter = counters_[*made];
        counter = {{one, other}, 0, {heads_[one], heads_[other]}, {kNone, kNone}};
        for (uint32_t group : counter.groups) {
            uint32_t head = heads_[group];
            if (head != kNone) counters_[head].previous[side_of(counters_[head], group)] = *made;
            heads_[group] = *made;
        }
        used_++;
        return true;
    }

    int64_t most_ = 0, used_ = 0;
    int64_t room_ = 0;
    uint32_t made_ = 0, free_ = kNone, mask_ = 0;
    Buffer<Counter> counters_;  // all that were made, including freed ones
    Buffer<uint32_t> heads_;    // by group, the first of its counters
    Buffer<uint32_t> slots_;    // the hash table
};

}  // namespace linkage
