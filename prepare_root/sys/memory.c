/* The static executable's malloc: it hands out memory of the snapshot first (snapshot.h).
 *
 * Everything that start-up allocates has to lie where the snapshot is taken, at the same
 * address each time.  So this replaces glibc's malloc and, through it, CPython's own
 * allocator.  One thread.  Sizes are rounded up to classes with a list of free chunks each;
 * a small chunk that no list has is cut from a large one that is free, since what the
 * snapshot holds the file holds too.  Memory is never given back to the kernel: the process
 * is over before that could matter.
 *
 * A chunk is 8 bytes with its class and then the caller's bytes, at a multiple of 16.
 */
#include "snapshot.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    STEP = 16,         /* between small classes */
    SMALL = 1024 / 16, /* chunks up to 1024 bytes are small */
    STEPS = 4,         /* larger classes for each doubling */
    CLASSES = SMALL + 1 + STEPS * 30,
    MAPPING = 1 << 20, /* bytes that are asked of the kernel at least */
};

struct chunk {
    uint64_t class;
    struct chunk *next; /* the caller's bytes begin here */
};

/* Where new chunks are cut from; both bounds are 8 below a multiple of 16. */
struct region {
    char *next, *end;
};

static struct chunk *free_chunks[CLASSES];
static size_t large_free; /* chunks in the lists of large classes */
/* Memory that was never used, in the snapshot, in the reserve or in a mapping. */
static struct region fresh;
static struct region fragment; /* a large chunk that was free */

static struct region
region(char *start, size_t size)
{
    struct region made = {start + STEP - sizeof(uint64_t), start + size - sizeof(uint64_t)};

    return made;
}

void
memory_enter_snapshot(void)
{
    memset(free_chunks, 0, sizeof(free_chunks));
    large_free = 0;
    fresh = region(snapshot_pool, (size_t)(snapshot_end - snapshot_pool));
}

static int
in_snapshot(void)
{
    return fresh.next >= snapshot_pool && fresh.next < snapshot_end;
}

size_t
memory_used(void)
{
    return in_snapshot() ? (size_t)(fresh.next - snapshot_pool) : 0;
}

static size_t
class_size(size_t class)
{
    size_t large;

    if (class <= SMALL)
        return class * STEP;
    large = class - SMALL - 1;
    return ((size_t)(STEPS + 1 + large % STEPS) << (large / STEPS)) * (SMALL * STEP / STEPS);
}

/* The smallest class of at least `size` bytes; CLASSES when there is none. */
static size_t
class_of(size_t size)
{
    size_t class = SMALL + 1;

    if (size <= SMALL * STEP)
        return (size + STEP - 1) / STEP;
    while (class < CLASSES && class_size(class) < size)
        class++;
    return class;
}

static size_t
room(const struct region *from)
{
    return (size_t)(from->end - from->next);
}

static struct chunk *
cut(struct region *from, size_t class)
{
    struct chunk *chunk = (struct chunk *)(void *)from->next;

    from->next += class_size(class);
    chunk->class = class;
    return chunk;
}

static void
put(struct chunk *chunk)
{
    chunk->next = free_chunks[chunk->class];
    free_chunks[chunk->class] = chunk;
    large_free += chunk->class > SMALL;
}

static struct chunk *
take(size_t class)
{
    struct chunk *chunk = free_chunks[class];

    if (chunk != NULL) {
        free_chunks[class] = chunk->next;
        large_free -= class > SMALL;
    }
    return chunk;
}

/* A small chunk out of a large one that is free, or NULL. */
static struct chunk *
split(size_t class)
{
    struct chunk *large = NULL;

    if (room(&fragment) < class_size(class)) {
        if (large_free == 0)
            return NULL;
        if (room(&fragment) != 0)
            put(cut(&fragment, room(&fragment) / STEP));
        for (size_t most = CLASSES; large == NULL; most--)
            large = take(most - 1);
        fragment.next = (char *)large;
        fragment.end = (char *)large + class_size(large->class);
    }
    return cut(&fragment, class);
}

/* Makes room for `size` bytes in `fresh`.  -1 when the kernel has none. */
static int
more_fresh(size_t size)
{
    size_t mapping = size + STEP < MAPPING ? MAPPING : size + STEP;
    char *mapped;

    if (room(&fresh) >= size)
        return 0;
    /* glibc asks before `main`, the first time; and then what does not fit any more. */
    if (fresh.next == NULL || in_snapshot())
        fresh = region(reserve_begin, (size_t)(reserve_end - reserve_begin));
    if (room(&fresh) >= size)
        return 0;
    mapped = mmap(NULL, mapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return -1;
    fresh = region(mapped, mapping);
    return 0;
}

/* A chunk for `size` bytes.  `*is_zero` says whether it was never used before. */
static void *
allocate(size_t size, int *is_zero)
{
    size_t class = size < SIZE_MAX / 2 ? class_of(size + sizeof(uint64_t)) : CLASSES;
    struct chunk *chunk = class < CLASSES ? take(class) : NULL;

    *is_zero = 0;
    if (chunk == NULL && class <= SMALL)
        chunk = split(class);
    if (chunk != NULL)
        return &chunk->next;
    if (class == CLASSES || more_fresh(class_size(class)) < 0) {
        errno = ENOMEM;
        return NULL;
    }
    *is_zero = 1;
    return &cut(&fresh, class)->next;
}

static struct chunk *
chunk_of(void *memory)
{
    return (struct chunk *)(void *)((char *)memory - offsetof(struct chunk, next));
}

void *
malloc(size_t size)
{
    int is_zero;

    return allocate(size, &is_zero);
}

void *
calloc(size_t count, size_t size)
{
    int is_zero;
    void *memory;

    if (size != 0 && count > SIZE_MAX / 2 / size) {
        errno = ENOMEM;
        return NULL;
    }
    memory = allocate(count * size, &is_zero);
    if (memory != NULL && !is_zero)
        memset(memory, 0, count * size);
    return memory;
}

void
free(void *memory)
{
    struct chunk *chunk;

    if (memory == NULL)
        return;
    chunk = chunk_of(memory);
    /* What is left behind could be an address of this process, and the snapshot must not
       depend on those. */
    if (!snapshot_taken)
        memset(memory, 0, class_size(chunk->class) - sizeof(uint64_t));
    put(chunk);
}

void *
realloc(void *memory, size_t size)
{
    size_t old;
    void *moved;

    if (memory == NULL)
        return malloc(size);
    old = class_size(chunk_of(memory)->class) - sizeof(uint64_t);
    if (size <= old)
        return memory;
    moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, memory, old);
        free(memory);
    }
    return moved;
}
