/* The kernel's interface: plain C, called by linkage/kernel.py through ctypes.
 *
 * Who calls sees to the shapes and ranges of arrays, but not alone: whatever would be read or written out of bounds is
 * refused here too. Nothing here starts a thread, prints, or keeps state beyond the objects that it hands out. An object
 * serves one thread at a time, but many scans may share one comparison.
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

/* Results that are not counts. */
enum {
    LINKAGE_NO_MEMORY = -1,
    LINKAGE_INVALID = -2,       /* an argument is out of its range */
    LINKAGE_OUT_OF_ORDER = -3,  /* a candidate does not come after the one before it */
    LINKAGE_LIMIT = -4          /* the solver would have to remember too much */
};

/* How to compare; each gives the same pairs. LINKAGE_BEST is the fastest that this machine can. */
enum { LINKAGE_BEST = 0, LINKAGE_PORTABLE = 1, LINKAGE_AVX2 = 2, LINKAGE_AVX512 = 3, LINKAGE_NEON = 4 };

/* linkage.candidates.pairs.PAIR and CANDIDATE. */
typedef struct {
    uint32_t left, right;
    uint16_t common, total;
} linkage_pair;

typedef struct {
    uint16_t common, total;
    uint32_t datasets, left, right;
} linkage_candidate;

/* The path that is taken when `path` is asked for; LINKAGE_INVALID if this machine cannot take it. */
LINKAGE_API int linkage_path(int path);

/* ---- Comparing -------------------------------------------------------------------------------------------------- */

typedef struct linkage_comparison linkage_comparison;
typedef struct linkage_scan linkage_scan;

/* Get ready to compare two arrays of encodings, which must outlive the comparison.
 *
 * size          bytes of an encoding: a multiple of 8, from 8 to 1,024
 * threshold     in (0, 1]
 * sample        (sample_count, 2) row numbers, pairs that are typical of what will be compared: they decide how, never
 *               what is found; none will do
 * reorder       not 0: copy the encodings with the most telling bits first; pays for many comparisons a row
 * filter_bits   how many bits to look at before a pair is given up or counted in full; 0: let the sample decide
 *
 * NULL if memory ran out or an argument is out of its range; `*error` says which, and is 0 otherwise. So for all that
 * makes an object.
 */
LINKAGE_API linkage_comparison *linkage_comparison_new(const uint8_t *left, int64_t left_rows, const uint8_t *right,
                                                       int64_t right_rows, int32_t size, double threshold,
                                                       const int64_t *sample, int64_t sample_count, int32_t reorder,
                                                       int32_t filter_bits, int32_t path, int64_t *error);
LINKAGE_API int32_t linkage_comparison_filter_bits(const linkage_comparison *comparison);
LINKAGE_API void linkage_comparison_free(linkage_comparison *comparison);

/* Get ready to compare the rectangles, (count, 4): left_start, left_stop, right_start, right_stop. */
LINKAGE_API linkage_scan *linkage_scan_new(const linkage_comparison *comparison, const int64_t *rectangles,
                                           int64_t count, int64_t *error);

/* The smallest capacity that linkage_scan_next takes. */
enum { LINKAGE_SCAN_CAPACITY = 1024 };

/* Find the next candidate pairs, at most `capacity`, and return how many. `*done` is set once there are no more. */
LINKAGE_API int64_t linkage_scan_next(linkage_scan *scan, linkage_pair *pairs, int64_t capacity, int32_t *done);
LINKAGE_API void linkage_scan_free(linkage_scan *scan);

/* ---- Sorting ---------------------------------------------------------------------------------------------------- */

/* Sort `count` pairs from `source` into `target`, which do not overlap: score down, then (data sets,) left, right up.
 * 0, or LINKAGE_NO_MEMORY. */
LINKAGE_API int64_t linkage_sort_pairs(const linkage_pair *source, linkage_pair *target, int64_t count);
LINKAGE_API int64_t linkage_sort_candidates(const linkage_candidate *source, linkage_candidate *target, int64_t count);

/* ---- Grouping --------------------------------------------------------------------------------------------------- */

typedef struct linkage_solver linkage_solver;

/* A solver for `parties` data sets of so many records each; fewer than 2**32 records in all. */
LINKAGE_API linkage_solver *linkage_solver_new(int64_t parties, const int64_t *record_counts, int64_t max_pending,
                                               int64_t *error);

/* Take the next candidates, in the total order. 0, or what went wrong; then the solver is of no use any more. */
LINKAGE_API int64_t linkage_solver_feed(linkage_solver *solver, const linkage_candidate *candidates, int64_t count);

/* Count the groups of two records or more, and their records. */
LINKAGE_API void linkage_solver_count(const linkage_solver *solver, int64_t *groups, int64_t *records);

/* Write them: `datasets` and `records` as many as records, `offsets` one more than groups. 0 or LINKAGE_NO_MEMORY. */
LINKAGE_API int64_t linkage_solver_groups(const linkage_solver *solver, uint32_t *datasets, uint32_t *records,
                                          int64_t *offsets);
LINKAGE_API void linkage_solver_free(linkage_solver *solver);

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

/* Write `[[0,left],[1,right],score],...` of candidates of two data sets, in their order, with commas between.
 *
 * run_ends      where each run of candidates of the same score ends; the last one at the last candidate's end
 * texts         the scores of the runs as text, one after the other; `text_ends` says where each ends
 *
 * The number of bytes written, or LINKAGE_INVALID if the runs make no sense or `capacity` is too small.
 */
LINKAGE_API int64_t linkage_format_scores(const linkage_candidate *candidates, int64_t count, const int64_t *run_ends,
                                          const int64_t *text_ends, int64_t runs, const char *texts, char *target,
                                          int64_t capacity);

#ifdef __cplusplus
}
#endif
#endif
