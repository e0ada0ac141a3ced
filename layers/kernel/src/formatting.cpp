// Write candidates as text. The caller formats the scores: few of them are distinct, so that costs little.
#include <string.h>

#include "kernel.h"

namespace {

constexpr int64_t kMostDigits = 10;
constexpr int64_t kFrame = sizeof "[[0,],[1,],],";  // the characters of a row except its numbers, and a comma

// Write a number; return its end.
char *write_number(char *target, uint32_t number) {
    char digits[kMostDigits];
    int count = 0;
    do digits[count++] = static_cast<char>('0' + number % 10);
    while (number /= 10);
    while (count) *target++ = digits[--count];
    return target;
}

char *write_text(char *target, const char *text, int64_t size) {
    memcpy(target, text, size);
    return target + size;
}

}  // namespace

int64_t linkage_format_scores(const linkage_candidate *candidates, int64_t count, const int64_t *run_ends,
                              const int64_t *text_ends, int64_t runs, const char *texts, char *target,
                              int64_t capacity) {
    char *at = target;
    int64_t row = 0, text = 0;
    for (int64_t run = 0; run < runs; run++) {
        int64_t size = text_ends[run] - text;
        if (size < 0 || run_ends[run] < row || run_ends[run] > count) return LINKAGE_INVALID;
        if (capacity - (at - target) < (run_ends[run] - row) * (kFrame + 2 * kMostDigits + size)) return LINKAGE_INVALID;
        for (; row < run_ends[run]; row++) {
            if (row) *at++ = ',';
            at = write_number(write_text(at, "[[0,", 4), candidates[row].left);
            at = write_number(write_text(at, "],[1,", 5), candidates[row].right);
            at = write_text(write_text(write_text(at, "],", 2), texts + text, size), "]", 1);
        }
        text = text_ends[run];
    }
    return row == count ? at - target : LINKAGE_INVALID;
}
