
/* The entry of the static executable: calls `run(argv, environ)` of one frozen module with
 * two lists of bytes; the int that it returns is the exit status.
 *
 * It is started once when it is built, as `prepare-root ENTRY MODULES`: that initialises
 * CPython's core, imports the modules and writes a snapshot of all that to standard output
 * (snapshot.c).  From then on it goes on from there.
 *
 * Only the core is initialised (`_init_main = 0`): no path computation, no importlib of
 * files, no encodings, no io.  Whatever cannot be handled is printed to fd 2 and ends with
 * status 70.
 */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE 1 /* for the codec registry, below */
#include "bootsys.h"
#include "frozen.h"
#include "snapshot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_codecs.h"
#endif

enum { STATUS_SOFTWARE = 70 };

/* Process 1 must not exit: the kernel would panic over the message that says why.  Failure
   policy (reboot, halt) is the entry module's business; this is for when there is none. */
static void
leave(int status)
{
    if (getpid() == 1)
        for (;;)
            pause();
    _exit(status);
}

static void
die(const char *operation, const char *reason)
{
    const char *texts[] = {"prepare-root: ", operation, ": ", reason, "\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (write(STDERR_FILENO, texts[i], strlen(texts[i])) < 0)
            break;
    leave(STATUS_SOFTWARE);
}

static void
require(PyStatus status)
{
    if (PyStatus_Exception(status))
        die("start Python", status.err_msg ? status.err_msg : "no message");
}

/* The error handlers of codecs ("backslashreplace" and its like).  3.11 makes their table at
   first use; 3.13 makes it in the part of the start-up that is left out here, and follows a
   null pointer without it. */
static void
start_codecs(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    require(_PyCodec_InitRegistry(PyInterpreterState_Get()));
#endif
}

static void
start_python(void)
{
    PyPreConfig before;
    PyConfig config;

    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    require(Py_PreInitialize(&before));
    snapshot_allocators();
    PyConfig_InitIsolatedConfig(&config);
    config._init_main = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.optimization_level = 2;
    config.pathconfig_warnings = 0;
    config.code_debug_ranges = 0;
    /* The snapshot is to be the same each time, and random bytes may not be there so early
       in a boot: waiting for them could hang it. */
    config.use_hash_seed = 1;
    config.hash_seed = 0;
    /* Ignored signals would be inherited by the init that is started in the end. */
    config.install_signal_handlers = 0;
    require(Py_InitializeFromConfig(&config));
    start_codecs();
    /* The process is over before cycles could matter. */
    PyGC_Disable();
}

/* The entry module's `run` and our own module. */
static PyObject *entry_run, *vectors;

static void
leave_with_traceback(void)
{
    /* SystemExit would end the process inside PyErr_Print, process 1 too. */
    if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
        PyErr_Clear();
        PyErr_SetString(PyExc_RuntimeError, "SystemExit raised; run() returns the status");
    }
    PyErr_Print();
    leave(STATUS_SOFTWARE);
}

/* The build's start: everything up to the call of run(). */
static void
build(const char *entry, const char *path)
{
    PyObject *module, *handler;

    if (entry == NULL || path == NULL)
        die("read arguments", "no snapshot in here yet; expected ENTRY and MODULES");
    if (frozen_open(path) < 0)
        die("read modules", strerror(errno));
    memory_enter_snapshot();
    start_python();
    module = frozen_import() < 0 ? NULL : PyImport_ImportModule(entry);
    if (module != NULL)
        entry_run = PyObject_GetAttrString(module, "run");
    if (entry_run != NULL)
        vectors = PyImport_ImportModule("_bootsys");
    /* Makes the table of error handlers, and imports `encodings`. */
    handler = vectors ? PyCodec_LookupError("surrogateescape") : NULL;
    if (handler == NULL)
        leave_with_traceback();
    Py_DECREF(handler);
    Py_DECREF(module);
    frozen_close();
    if (snapshot_write(STDOUT_FILENO) < 0)
        die("write snapshot", strerror(errno));
    leave(0);
}

/* The exit status, or -1 with an exception set. */
static long
run_entry(void)
{
    PyObject *argv, *environ, *result = NULL;
    long status = -1;

    argv = PyObject_CallMethod(vectors, "argv", NULL);
    environ = argv ? PyObject_CallMethod(vectors, "environ", NULL) : NULL;
    if (environ != NULL)
        result = PyObject_CallFunctionObjArgs(entry_run, argv, environ, NULL);
    if (result != NULL)
        status = PyLong_AsLong(result);
    if (status == -1 && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "run() returned -1");
    return status;
}

int
main(int argc, char **argv, char **environ)
{
    long status;

    (void)argc;
    if (!snapshot_taken)
        build(argv[1], argv[1] ? argv[2] : NULL);
    snapshot_continue();
    bootsys_set_vectors(argv, environ);
    status = run_entry();
    if (PyErr_Occurred())
        leave_with_traceback();
    /* Nothing is buffered, so nothing is torn down. */
    _exit((int)status);
}
