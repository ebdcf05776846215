/* The part of memory that is kept from the build to the start (snapshot.c). */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <Python.h>

/* Its bounds, by the linker script: the data of CPython and of ours, then the memory that
   `malloc` hands out first.  glibc's own data are not in it and start afresh. */
extern char snapshot_begin[], snapshot_pool[], snapshot_end[];
/* Memory that `malloc` hands out next, which costs no file. */
extern char reserve_begin[], reserve_end[];

/* Whether this process continues from a snapshot. */
extern int snapshot_taken;

/* Writes the snapshot to `fd`, with the interpreter as it is and the calling thread's state
   put away.  -1 with errno; ENOMEM when something lies outside. */
int snapshot_write(int fd);

/* Sets memory.c's malloc as CPython's only allocator. */
void snapshot_allocators(void);

/* Goes on from the snapshot: the calling thread becomes the one that took it. */
void snapshot_continue(void);

/* memory.c: from here on memory comes from the snapshot; what glibc has allocated before
   `main`, for this process only, lies elsewhere. */
void memory_enter_snapshot(void);

/* How many bytes of the snapshot's have been allocated since then; 0 when they were not
   enough and others were taken, too. */
size_t memory_used(void);

#endif
