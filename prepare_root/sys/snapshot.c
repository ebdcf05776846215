/* Starting where the build left off: CPython's state is made once, when the executable is
 * built, and is part of its data.
 *
 * The build starts the executable as it is linked.  It initialises the core, imports every
 * frozen module and writes its own data out; the build puts them where they came from.
 * From then on `main` finds an interpreter that is ready.  That works because the program
 * is linked to fixed addresses, and because nothing of the process that took the snapshot is
 * in it: glibc keeps its data elsewhere (snapshot.ld), memory comes from the snapshot
 * itself (memory.c), hashes are not randomised, and the thread's identity is set anew here.
 * The build takes it twice and compares (image/snapshot.py).
 */
#define Py_BUILD_CORE 1
#include "snapshot.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "internal/pycore_pymem.h"
#include "internal/pycore_runtime.h"

/* What the section begins with: the build reads how many bytes of the pool are used. */
uint64_t snapshot_head __attribute__((section(".snapshot_head")));
int snapshot_taken;
static PyThreadState *thread;

#if PY_VERSION_HEX >= 0x030d0000
#define THREAD_KEY _PyRuntime.autoTSSkey
#else
#define THREAD_KEY _PyRuntime.gilstate.autoTSSkey
#endif

/* CPython's own allocator is not in the snapshot, and is not used: memory.c is. */
static void *
arena_alloc(void *Py_UNUSED(context), size_t size)
{
    return malloc(size);
}

static void
arena_free(void *Py_UNUSED(context), void *memory, size_t Py_UNUSED(size))
{
    free(memory);
}

void
snapshot_allocators(void)
{
    PyObjectArenaAllocator arenas = {NULL, arena_alloc, arena_free};

    _PyMem_SetupAllocators(PYMEM_ALLOCATOR_MALLOC);
    PyObject_SetArenaAllocator(&arenas);
}

/* Takes out what belongs to this process: identities, and what frames that are gone have left
   behind of its stack. */
static void
forget_process(void)
{
    char *unused = (char *)thread->datastack_top;

    memset(unused, 0, (size_t)((char *)thread->datastack_limit - unused));
    _PyRuntime.main_thread = 0;
    thread->thread_id = 0;
    thread->native_thread_id = 0;
    PyThread_tss_delete(&THREAD_KEY);
#if PY_VERSION_HEX >= 0x030d0000
    PyThread_tss_delete(&_PyRuntime.trashTSSkey);
#endif
}

int
snapshot_write(int fd)
{
    const char *rest = snapshot_begin;

    thread = PyEval_SaveThread();
    forget_process();
    snapshot_head = memory_used();
    if (snapshot_head == 0) {
        errno = ENOMEM;
        return -1;
    }
    snapshot_taken = 1;
    while (rest < snapshot_end) {
        ssize_t written = write(fd, rest, (size_t)(snapshot_end - rest));

        if (written < 0)
            return -1;
        rest += written;
    }
    return 0;
}

void
snapshot_continue(void)
{
    snapshot_allocators();
    /* The only ways to fail are too many keys, and no memory for a second level of them. */
    PyThread_tss_create(&THREAD_KEY);
    PyThread_tss_set(&THREAD_KEY, thread);
#if PY_VERSION_HEX >= 0x030d0000
    PyThread_tss_create(&_PyRuntime.trashTSSkey);
#endif
    _PyRuntime.main_thread = PyThread_get_thread_ident();
    thread->thread_id = _PyRuntime.main_thread;
    PyEval_RestoreThread(thread);
}
