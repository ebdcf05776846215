/* What the static executable leaves out of CPython: parser, compiler, `io`, `posix`, path
 * computation, dynamic loading, faulthandler, tracemalloc.
 *
 * An archive member is linked only when a symbol asks for it.  Each symbol below is the one
 * reason why its member would come along, so it is defined here: as an exception where
 * Python code could get to it, as nothing where start-up passes it with the feature off.
 * CPython's internal headers are included so that the compiler checks every prototype.
 *
 * 3.11 and 3.13 are known; another version needs this list looked at again.
 */
#define Py_BUILD_CORE 1
#define NEED_OPCODE_TABLES   /* 3.11 */
#define NEED_OPCODE_METADATA /* 3.13 */
#include <Python.h>

#include "internal/pycore_ast.h"
#include "internal/pycore_compile.h"
#include "internal/pycore_initconfig.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_parser.h"
#include "internal/pycore_pylifecycle.h"
#include "internal/pycore_symtable.h"
#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_importdl.h"
#include "internal/pycore_instruction_sequence.h"
#include "internal/pycore_opcode_metadata.h"
#else
#include "internal/pycore_opcode.h"
#endif

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030e0000 || \
    (PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000)
#error "the static executable is built from CPython 3.11 or 3.13"
#endif

/* Always NULL, with RuntimeError set. */
static void *
left_out(const char *what)
{
    return PyErr_Format(PyExc_RuntimeError, "%s is not part of this executable", what);
}

/* ---- Parser: parser.o pegen.o tokenizer.o ---------------------------------------------- */

struct _mod *
_PyParser_ASTFromString(const char *Py_UNUSED(text), PyObject *Py_UNUSED(filename),
                        int Py_UNUSED(mode), PyCompilerFlags *Py_UNUSED(flags),
                        PyArena *Py_UNUSED(arena))
{
    return left_out("the parser");
}

struct _mod *
_PyParser_ASTFromFile(FILE *Py_UNUSED(file), PyObject *Py_UNUSED(filename),
                      const char *Py_UNUSED(encoding), int Py_UNUSED(mode),
                      const char *Py_UNUSED(ps1), const char *Py_UNUSED(ps2),
                      PyCompilerFlags *Py_UNUSED(flags), int *Py_UNUSED(error),
                      PyArena *Py_UNUSED(arena))
{
    return left_out("the parser");
}

#if PY_VERSION_HEX >= 0x030d0000
struct _mod *
_PyParser_InteractiveASTFromFile(FILE *Py_UNUSED(file), PyObject *Py_UNUSED(filename),
                                 const char *Py_UNUSED(encoding), int Py_UNUSED(mode),
                                 const char *Py_UNUSED(ps1), const char *Py_UNUSED(ps2),
                                 PyCompilerFlags *Py_UNUSED(flags), int *Py_UNUSED(error),
                                 PyObject **Py_UNUSED(source), PyArena *Py_UNUSED(arena))
{
    return left_out("the parser");
}
#else
Py_ssize_t _PyPegen_byte_offset_to_character_offset(PyObject *line, Py_ssize_t offset);

/* Places the carets under a line of source; without sources nobody asks. */
Py_ssize_t
_PyPegen_byte_offset_to_character_offset(PyObject *Py_UNUSED(line), Py_ssize_t offset)
{
    return offset;
}
#endif

char *_PyTokenizer_FindEncodingFilename(int fd, PyObject *filename);

char *
_PyTokenizer_FindEncodingFilename(int Py_UNUSED(fd), PyObject *Py_UNUSED(filename))
{
    return NULL;
}

char *
PyOS_Readline(FILE *Py_UNUSED(in), FILE *Py_UNUSED(out), const char *Py_UNUSED(prompt))
{
    return left_out("input()");
}

/* ---- Compiler: compile.o symtable.o Python-ast.o --------------------------------------- */

int
PyAST_Check(PyObject *Py_UNUSED(object))
{
    left_out("the compiler");
    return -1;
}

PyObject *
PyAST_mod2obj(mod_ty Py_UNUSED(tree))
{
    return left_out("the compiler");
}

mod_ty
PyAST_obj2mod(PyObject *Py_UNUSED(tree), PyArena *Py_UNUSED(arena), int Py_UNUSED(mode))
{
    return left_out("the compiler");
}

int
_PyAST_Validate(mod_ty Py_UNUSED(tree))
{
    left_out("the compiler");
    return 0;
}

void
_PyAST_Fini(PyInterpreterState *Py_UNUSED(interp))
{
}

PyCodeObject *
_PyAST_Compile(struct _mod *Py_UNUSED(tree), PyObject *Py_UNUSED(filename),
               PyCompilerFlags *Py_UNUSED(flags), int Py_UNUSED(optimize),
               PyArena *Py_UNUSED(arena))
{
    return left_out("the compiler");
}

#if PY_VERSION_HEX >= 0x030d0000
int
_PyCompile_AstOptimize(struct _mod *Py_UNUSED(tree), PyObject *Py_UNUSED(filename),
                       PyCompilerFlags *Py_UNUSED(flags), int Py_UNUSED(optimize),
                       PyArena *Py_UNUSED(arena))
{
    left_out("the compiler");
    return -1;
}

PyTypeObject _PyInstructionSequence_Type = {
    PyVarObject_HEAD_INIT(&PyType_Type, 0).tp_name = "InstructionSequence",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
};
#else
int
_PyAST_Optimize(struct _mod *Py_UNUSED(tree), struct _arena *Py_UNUSED(arena),
                _PyASTOptimizeState *Py_UNUSED(state))
{
    left_out("the compiler");
    return 0;
}
#endif

/* Asked by an assignment to a frame's f_lineno, which only debuggers make. */
int
PyCompile_OpcodeStackEffect(int Py_UNUSED(opcode), int Py_UNUSED(argument))
{
    return PY_INVALID_STACK_EFFECT;
}

/* Start-up readies every static type by name; nobody makes one of these. */
PyTypeObject PySTEntry_Type = {
    PyVarObject_HEAD_INIT(&PyType_Type, 0).tp_name = "symtable entry",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

/* Alive: a class body with private names in `__slots__` comes here.  `_A` and `__x` make
   `_A__x`; dunder names, dotted names and classes named of underscores only change nothing. */
PyObject *
_Py_Mangle(PyObject *class_name, PyObject *name)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name), skip = 0;
    PyObject *bare, *mangled;

    if (class_name == NULL || !PyUnicode_Check(class_name) || length < 2 ||
        PyUnicode_READ_CHAR(name, 0) != '_' || PyUnicode_READ_CHAR(name, 1) != '_' ||
        (PyUnicode_READ_CHAR(name, length - 1) == '_' &&
         PyUnicode_READ_CHAR(name, length - 2) == '_') ||
        PyUnicode_FindChar(name, '.', 0, length, 1) != -1)
        return Py_NewRef(name);
    while (skip < PyUnicode_GET_LENGTH(class_name) &&
           PyUnicode_READ_CHAR(class_name, skip) == '_')
        skip++;
    if (skip == PyUnicode_GET_LENGTH(class_name))
        return Py_NewRef(name);
    bare = PyUnicode_Substring(class_name, skip, PyUnicode_GET_LENGTH(class_name));
    if (bare == NULL)
        return NULL;
    mangled = PyUnicode_FromFormat("_%U%U", bare, name);
    Py_DECREF(bare);
    return mangled;
}

/* ---- io.o, posixmodule.o, getpath.o ---------------------------------------------------- */

PyObject *
PyOS_FSPath(PyObject *path)
{
    if (PyUnicode_Check(path) || PyBytes_Check(path))
        return Py_NewRef(path);
    return PyErr_Format(PyExc_TypeError, "expected str or bytes, not %.200s",
                        Py_TYPE(path)->tp_name);
}

PyObject *_PyLong_FromUid(uid_t uid);
int _Py_Sigset_Converter(PyObject *object, void *address);

PyObject *
_PyLong_FromUid(uid_t uid)
{
    return PyLong_FromUnsignedLong(uid);
}

int
_Py_Sigset_Converter(PyObject *Py_UNUSED(object), void *Py_UNUSED(address))
{
    left_out("a signal set");
    return 0;
}

/* The path configuration belongs to the second half of start-up, which never comes. */
PyStatus
_PyConfig_InitPathConfig(PyConfig *Py_UNUSED(config), int Py_UNUSED(compute))
{
    return PyStatus_Ok();
}

#if PY_VERSION_HEX < 0x030d0000
void _PyIO_Fini(void);

void
_PyIO_Fini(void)
{
}
#endif

/* ---- importdl.o, dynload_shlib.o ------------------------------------------------------- */

#if PY_VERSION_HEX >= 0x030d0000
dl_funcptr _PyImport_FindSharedFuncptr(const char *prefix, const char *name, const char *path,
                                       FILE *file);

dl_funcptr
_PyImport_FindSharedFuncptr(const char *Py_UNUSED(prefix), const char *Py_UNUSED(name),
                            const char *Py_UNUSED(path), FILE *Py_UNUSED(file))
{
    return left_out("dynamic loading");
}
#else
PyObject *_PyImport_LoadDynamicModuleWithSpec(PyObject *spec, FILE *file);
extern const char *_PyImport_DynLoadFiletab[];

PyObject *
_PyImport_LoadDynamicModuleWithSpec(PyObject *Py_UNUSED(spec), FILE *Py_UNUSED(file))
{
    return left_out("dynamic loading");
}
#endif

const char *_PyImport_DynLoadFiletab[] = {NULL};

/* ---- faulthandler.o, _tracemalloc.o ---------------------------------------------------- */

PyStatus
_PyFaulthandler_Init(int Py_UNUSED(enable))
{
    return PyStatus_Ok();
}

void
_PyFaulthandler_Fini(void)
{
}

#if PY_VERSION_HEX < 0x030d0000
void _PyMem_DumpTraceback(int fd, const void *pointer);

int
_PyTraceMalloc_Init(int Py_UNUSED(frames))
{
    return 0;
}

void
_PyTraceMalloc_Fini(void)
{
}

int
_PyTraceMalloc_NewReference(PyObject *Py_UNUSED(object))
{
    return -1;
}

void
_PyMem_DumpTraceback(int Py_UNUSED(fd), const void *Py_UNUSED(pointer))
{
}
#endif
