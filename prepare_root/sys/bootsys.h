/* What the launcher needs of the system-call module. */
#ifndef BOOTSYS_H
#define BOOTSYS_H

#include <Python.h>

PyMODINIT_FUNC PyInit__bootsys(void);

/* Hands the process's own vectors to `argv()` and `environ()`.  They are kept by
   reference; on the host nobody calls this and both lists are empty. */
void bootsys_set_vectors(char **argv, char **environ);

#endif
