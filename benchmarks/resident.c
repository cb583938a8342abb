/* Answers, without asking the kernel, that every page is in memory. Preloaded, it takes away what a batch pays for
asking; the difference is the cost of announcing. */

#include <stddef.h>
#include <string.h>

int mincore(void *address, size_t length, unsigned char *pages) {
    (void)address;
    memset(pages, 1, (length + 4095) / 4096);
    return 0;
}
