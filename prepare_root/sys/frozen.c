/* Modules for the build's first start: marshalled code, read from a file.
 *
 * The file is written by image/freeze.py: for each module a `struct record`, and then its
 * code.  The import system comes first.  What is imported stays; the code that it was made
 * from is in no executable.
 */
#include "frozen.h"

#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODULES = 256 };

/* Host byte order; `name` ends with a zero byte. */
struct record {
    unsigned size, is_package;
    char name[120];
};

extern const struct _frozen no_modules[];
extern const struct _frozen *_PyImport_FrozenBootstrap;

static struct _frozen bootstrap[2], modules[MODULES];
static char *file;
static size_t file_size;

int
frozen_open(const char *path)
{
    struct _frozen *module = bootstrap;
    struct record *record;
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        return -1;
    file_size = (size_t)status.st_size;
    file = mmap(NULL, file_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (file == MAP_FAILED)
        return -1;
    for (char *next = file; next < file + file_size; next += sizeof(*record) + record->size) {
        record = (struct record *)(void *)next;
        if (module == modules + MODULES - 1) {
            errno = E2BIG;
            return -1;
        }
        module->name = record->name;
        module->code = (unsigned char *)next + sizeof(*record);
        module->size = (int)record->size;
        module->is_package = (int)record->is_package;
        module = module == bootstrap ? modules : module + 1;
    }
    _PyImport_FrozenBootstrap = bootstrap;
    PyImport_FrozenModules = modules;
    return 0;
}

int
frozen_import(void)
{
    for (struct _frozen *module = modules; module->name != NULL; module++) {
        PyObject *imported = PyImport_ImportModule(module->name);

        if (imported == NULL)
            return -1;
        Py_DECREF(imported);
    }
    return 0;
}

void
frozen_close(void)
{
    _PyImport_FrozenBootstrap = no_modules;
    PyImport_FrozenModules = no_modules;
    memset(bootstrap, 0, sizeof(bootstrap));
    memset(modules, 0, sizeof(modules));
    munmap(file, file_size);
    file = NULL;
    file_size = 0;
}
