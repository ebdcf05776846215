/* Modules for the build's first start: marshalled code, read from a file (frozen.c). */
#ifndef FROZEN_H
#define FROZEN_H

/* Makes the modules in the file at `path` importable.  -1 with errno. */
int frozen_open(const char *path);

/* Imports all of them, in the file's order.  -1 with an exception. */
int frozen_import(void);

/* Forgets the file. */
void frozen_close(void);

#endif
