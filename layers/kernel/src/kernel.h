/* The kernel's interface: plain C, called by linkage/engines/kernel.py through ctypes.
 *
 * The caller checks the shapes and ranges of arrays. Arguments that would make the kernel read or write out of bounds
 * are refused here too. The kernel starts no thread, prints nothing, and keeps no state outside the objects that it
 * returns. One thread at a time may use an object; many scans may share one comparison.
 *
 * All integers are little-endian, as on every machine that Lambda has.
 */
#ifndef LINKAGE_KERNEL_H
#define LINKAGE_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LINKAGE_API __attribute__((visibility("default")))

/* Error codes: functions return them in place of a count. */
enum {
    LINKAGE_NO_MEMORY = -1,
    LINKAGE_INVALID = -2,       /* an argument is out of its range */
    LINKAGE_OUT_OF_ORDER = -3,  /* a candidate does not follow the one before it in the total order */
    LINKAGE_LIMIT = -4          /* the solver would need more than max_pending counters */
};

/* Paths: implementations of comparing. All find the same pairs. LINKAGE_BEST is the fastest that this machine has. */
enum { LINKAGE_BEST = 0, LINKAGE_PORTABLE = 1, LINKAGE_AVX2 = 2, LINKAGE_AVX512 = 3, LINKAGE_NEON = 4 };

/* The dtypes PAIR and CANDIDATE of linkage.candidates.pairs. */
typedef struct {
    uint32_t left, right;
    uint16_t common, total;
} linkage_pair;

typedef struct {
    uint16_t common, total;
    uint32_t datasets, left, right;
} linkage_candidate;

/* Return the path that `path` stands for; LINKAGE_INVALID if this machine does not support it. */
LINKAGE_API int linkage_path(int path);

/* ---- Comparing -------------------------------------------------------------------------------------------------- */

typedef struct linkage_comparison linkage_comparison;
typedef struct linkage_scan linkage_scan;

/* Prepare the comparison of two arrays of encodings, which must outlive it.
 *
 * size          bytes of an encoding: a multiple of 8, from 8 to 1,024
 * threshold     in (0, 1]
 * sample        (sample_count, 2) row numbers of typical pairs. They affect the speed, never the result; may be empty
 * reorder       not 0: copy the encodings with their most selective bits first; worth it for many comparisons per row
 * filter_bits   the number of bits to compare before a pair is dropped or counted in full; 0: choose it by the sample
 *
 * Returns NULL if memory ran out or an argument is out of its range; `*error` says which, and is 0 otherwise. The same
 * holds for every function that makes an object.
 */
LINKAGE_API linkage_comparison *linkage_comparison_new(const uint8_t *left, int64_t left_rows, const uint8_t *right,
                                                       int64_t right_rows, int32_t size, double threshold,
                                                       const int64_t *sample, int64_t sample_count, int32_t reorder,
                                                       int32_t filter_bits, int32_t path, int64_t *error);
LINKAGE_API int32_t linkage_comparison_filter_bits(const linkage_comparison *comparison);
LINKAGE_API void linkage_comparison_free(linkage_comparison *comparison);

/* Prepare a scan of the rectangles, (count, 4): left_start, left_stop, right_start, right_stop. */
LINKAGE_API linkage_scan *linkage_scan_new(const linkage_comparison *comparison, const int64_t *rectangles,
                                           int64_t count, int64_t *error);

/* The smallest capacity that linkage_scan_next takes. */
enum { LINKAGE_SCAN_CAPACITY = 1024 };

/* Find the next candidate pairs, at most `capacity`; return their number. Sets `*done` to 1 when there are no more. */
LINKAGE_API int64_t linkage_scan_next(linkage_scan *scan, linkage_pair *pairs, int64_t capacity, int32_t *done);
LINKAGE_API void linkage_scan_free(linkage_scan *scan);

/* ---- Sorting ---------------------------------------------------------------------------------------------------- */

/* Sort `count` pairs from `source` into `target`, which must not overlap: by descending score, then by ascending data
 * sets (candidates only), left and right. Returns 0, LINKAGE_INVALID or LINKAGE_NO_MEMORY. */
LINKAGE_API int64_t linkage_sort_pairs(const linkage_pair *source, linkage_pair *target, int64_t count);
LINKAGE_API int64_t linkage_sort_candidates(const linkage_candidate *source, linkage_candidate *target, int64_t count);

/* ---- Grouping --------------------------------------------------------------------------------------------------- */

typedef struct linkage_solver linkage_solver;

/* Make a solver for `parties` data sets; record_counts has their sizes, in total less than 2**32. */
LINKAGE_API linkage_solver *linkage_solver_new(int64_t parties, const int64_t *record_counts, int64_t max_pending,
                                               int64_t *error);

/* Add the next candidates, in the total order. Returns 0 or an error code; after an error the solver is unusable. */
LINKAGE_API int64_t linkage_solver_feed(linkage_solver *solver, const linkage_candidate *candidates, int64_t count);

/* Count the groups of at least two records, and the records in them. */
LINKAGE_API void linkage_solver_count(const linkage_solver *solver, int64_t *groups, int64_t *records);

/* Write the groups: `datasets` and `records` hold one number per record, `offsets` one per group and one more. Returns
 * 0, or LINKAGE_INVALID after an error. */
LINKAGE_API int64_t linkage_solver_groups(const linkage_solver *solver, uint32_t *datasets, uint32_t *records,
                                          int64_t *offsets);
LINKAGE_API void linkage_solver_free(linkage_solver *solver);

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

/* Write `[[0,left],[1,right],score],...` for candidates of two data sets, in the given order, separated by commas.
 *
 * run_ends      the end index of each run of candidates of equal score; the last one is `count`
 * texts         the score of each run as text, one after the other; `text_ends` has the end index of each text
 *
 * Returns the number of bytes written, or LINKAGE_INVALID if the runs are inconsistent or `capacity` is too small.
 */
LINKAGE_API int64_t linkage_format_scores(const linkage_candidate *candidates, int64_t count, const int64_t *run_ends,
                                          const int64_t *text_ends, int64_t runs, const char *texts, char *target,
                                          int64_t capacity);

#ifdef __cplusplus
}
#endif
#endif
