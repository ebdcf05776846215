/* The entry of the static executable: starts CPython's core, imports one frozen module and
 * calls its `run(argv, environ)` with two lists of bytes; the int that it returns is the
 * exit status.
 *
 * Only the core is initialised (`_init_main = 0`): no path computation, no importlib of
 * files, no encodings, no io.  Whatever cannot be handled is printed to fd 2 and ends with
 * status 70.
 */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE 1 /* for the codec registry, below */
#include "bootsys.h"

#include <string.h>
#include <unistd.h>

#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_codecs.h"
#endif

/* From the generated tables: the frozen module that `run` is looked up in. */
extern const char launcher_entry[];

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
die(const PyStatus *status)
{
    const char *text = status->err_msg ? status->err_msg : "no message";
    ssize_t written = write(STDERR_FILENO, "prepare-root: start Python: ", 28);

    if (written >= 0)
        written = write(STDERR_FILENO, text, strlen(text));
    if (written >= 0)
        written = write(STDERR_FILENO, "\n", 1);
    leave(STATUS_SOFTWARE);
}

/* The error handlers of codecs ("backslashreplace" and its like).  3.11 makes their table at
   first use; 3.13 makes it in the part of the start-up that is left out here, and follows a
   null pointer without it. */
static void
start_codecs(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    PyStatus status = _PyCodec_InitRegistry(PyInterpreterState_Get());

    if (PyStatus_Exception(status))
        die(&status);
#endif
}

static void
start_python(void)
{
    PyPreConfig before;
    PyConfig config;
    PyStatus status;

    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status))
        die(&status);
    PyConfig_InitIsolatedConfig(&config);
    config._init_main = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.optimization_level = 2;
    config.pathconfig_warnings = 0;
    config.code_debug_ranges = 0;
    /* Random bytes may not be there yet so early, and waiting for them could hang a boot. */
    config.use_hash_seed = 1;
    config.hash_seed = 0;
    /* Ignored signals would be inherited by the init that is started in the end. */
    config.install_signal_handlers = 0;
    status = Py_InitializeFromConfig(&config);
    if (PyStatus_Exception(status))
        die(&status);
    start_codecs();
}

/* The exit status, or -1 with an exception set. */
static long
run_entry(void)
{
    PyObject *module, *argv, *environ, *run = NULL, *result = NULL;
    PyObject *vectors = PyImport_ImportModule("_bootsys");
    long status = -1;

    argv = vectors ? PyObject_CallMethod(vectors, "argv", NULL) : NULL;
    environ = argv ? PyObject_CallMethod(vectors, "environ", NULL) : NULL;
    module = environ ? PyImport_ImportModule(launcher_entry) : NULL;
    if (module != NULL)
        run = PyObject_GetAttrString(module, "run");
    if (run != NULL)
        result = PyObject_CallFunctionObjArgs(run, argv, environ, NULL);
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
    bootsys_set_vectors(argv, environ);
    start_python();
    /* The process is over before cycles could matter. */
    PyGC_Disable();
    status = run_entry();
    if (PyErr_Occurred()) {
        /* SystemExit would end the process inside PyErr_Print, process 1 too. */
        if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
            PyErr_Clear();
            PyErr_SetString(PyExc_RuntimeError, "SystemExit raised; run() returns the status");
        }
        PyErr_Print();
        leave(STATUS_SOFTWARE);
    }
    /* Nothing is buffered, so nothing is torn down. */
    _exit((int)status);
}
