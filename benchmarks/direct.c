/* What a disk gives: reads of a file at random, a number of them at once, past the page cache. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096

struct task {
    int file;
    const long long *offsets;
    long count;
    long size;
    atomic_long next;
    atomic_int failed;
};

static void *work(void *argument) {
    struct task *task = argument;
    char *buffer = NULL;
    if (posix_memalign((void **)&buffer, BLOCK, task->size + 2 * BLOCK)) {
        task->failed = 1;
        return NULL;
    }
    for (long i = task->next++; i < task->count && !task->failed; i = task->next++) {
        long long start = task->offsets[i] / BLOCK * BLOCK;
        long long end = (task->offsets[i] + task->size + BLOCK - 1) / BLOCK * BLOCK;
        if (pread(task->file, buffer, end - start, start) <= 0) {
            task->failed = 1;
        }
    }
    free(buffer);
    return NULL;
}

/* Seconds to read `size` bytes at each of the offsets, `threads` of them at once; negative if that is not possible. */
double read_direct(const char *path, const long long *offsets, long count, long size, int threads) {
    struct task task = {open(path, O_RDONLY | O_DIRECT), offsets, count, size, 0, 0};
    pthread_t started[threads];
    struct timespec begin, end;
    if (task.file < 0) {
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    int number = 0;
    while (number < threads && !pthread_create(&started[number], NULL, work, &task)) {
        number++;
    }
    for (int i = 0; i < number; i++) {
        pthread_join(started[i], NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    close(task.file);
    if (task.failed || number < threads) {
        return -1;
    }
    return (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) * 1e-9;
}
