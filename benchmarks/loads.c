/* What memory gives: the first and the last element of samples at random, without Python and without a check. */

#include <stddef.h>

typedef long long position;

/* Each sample waits for the one before: the three cache misses of one sample overlap with no others. */
static long one_by_one(const int *values, const position *starts, const position *ends, const position *indices, long count) {
    long found = 0, negative = 0;
    for (long k = 0; k < count; k++) {
        position i = indices[k] + negative;
        int first = values[starts[i]], last = values[ends[i] - 1];
        /* No element is negative, which only the loads can tell. */
        negative = (long)((unsigned)(first | last) >> 31);
        found += first + last;
    }
    return found;
}

/* The processor runs ahead, and waits for the misses of several samples at once. */
static long overlapped(const int *values, const position *starts, const position *ends, const position *indices, long count) {
    long found = 0;
    for (long k = 0; k < count; k++) {
        position i = indices[k];
        found += values[starts[i]] + values[ends[i] - 1];
    }
    return found;
}

long load(const int *values, const position *starts, const position *ends, const position *indices, long count, int chained) {
    return (chained ? one_by_one : overlapped)(values, starts, ends, indices, count);
}
