/* The modules that are built in, and no frozen ones: those are imported when the executable
 * is built (launcher.c).
 *
 * These replace the tables of CPython's config.o, frozen.o and deepfreeze.o, which would bring
 * the whole standard start-up along.
 */
#include "bootsys.h"

const struct _frozen no_modules[] = {{0}};
const struct _frozen *_PyImport_FrozenBootstrap = no_modules;
const struct _frozen *_PyImport_FrozenStdlib = no_modules;
const struct _frozen *_PyImport_FrozenTest = no_modules;
const struct _frozen *PyImport_FrozenModules = no_modules;

struct _module_alias {
    const char *name, *orig;
};
static const struct _module_alias no_aliases[] = {{0}};
const struct _module_alias *_PyImport_FrozenAliases = no_aliases;

#if PY_VERSION_HEX < 0x030c0000
int _Py_Deepfreeze_Init(void);
void _Py_Deepfreeze_Fini(void);

int
_Py_Deepfreeze_Init(void)
{
    return 0;
}

void
_Py_Deepfreeze_Fini(void)
{
}
#endif

extern PyObject *PyInit__imp(void);
extern PyObject *PyInit__thread(void);
extern PyObject *_PyWarnings_Init(void);
extern PyObject *PyInit__weakref(void);
extern PyObject *PyInit_errno(void);

/* What the core's own start-up asks for, and ours. */
struct _inittab _PyImport_Inittab[] = {
    {"_bootsys", PyInit__bootsys},
    {"_imp", PyInit__imp},
    {"_thread", PyInit__thread},
    {"_warnings", _PyWarnings_Init},
    {"_weakref", PyInit__weakref},
    {"errno", PyInit_errno},
    {"builtins", NULL},
    {"sys", NULL},
    {NULL, NULL},
};
