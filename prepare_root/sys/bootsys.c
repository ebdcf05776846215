/* `_bootsys`: the system calls of prepare-root, and those that Python lacks.
 *
 * One function per system call, in man-page order; policy is Python's business.  Types and
 * contracts are in `_bootsys.pyi`.  The file is compiled twice: as the host's `.abi3.so`
 * (limited API of 3.11) and into the static executable, where it stands in for `posix`.
 *
 * Calls that can block release the GIL; a call that a signal interrupted is made again
 * once Python's own handlers have run.
 */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PY_SSIZE_T_CLEAN
#include "bootsys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* <linux/mount.h>, which cannot stand beside glibc's <sys/mount.h> of some versions. */
#ifndef FSOPEN_CLOEXEC
#define FSOPEN_CLOEXEC 1
#endif
#ifndef FSMOUNT_CLOEXEC
#define FSMOUNT_CLOEXEC 1
#endif

#define CALL(name) \
    static PyObject *call_##name(PyObject *Py_UNUSED(self), PyObject *args, PyObject *kwargs)
#define CALL_NOARGS(name) \
    static PyObject *call_##name(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(args))

#define PARSE(format, ...) \
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, __VA_ARGS__)) \
    return NULL

#define BLOCKING(result, call) \
    do { \
        Py_BEGIN_ALLOW_THREADS result = (call); \
        Py_END_ALLOW_THREADS \
    } while (result < 0 && errno == EINTR && PyErr_CheckSignals() == 0)

/* Raises OSError for errno; `path` (or NULL) becomes its `filename`, as bytes.  When a
   signal handler has raised already, that exception stands. */
static PyObject *
fail(const char *path)
{
    int code = errno;
    PyObject *name;

    if (PyErr_Occurred())
        return NULL;
    if (path == NULL) {
        errno = code;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    name = PyBytes_FromString(path);
    if (name == NULL)
        return NULL;
    errno = code;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
    Py_DECREF(name);
    return NULL;
}

/* The same with two paths: `filename` and `filename2`. */
static PyObject *
fail2(const char *path, const char *path2)
{
    int code = errno;
    PyObject *name = NULL, *name2 = NULL;

    if (PyErr_Occurred())
        return NULL;
    name = PyBytes_FromString(path);
    name2 = PyBytes_FromString(path2);
    if (name != NULL && name2 != NULL) {
        errno = code;
        PyErr_SetFromErrnoWithFilenameObjects(PyExc_OSError, name, name2);
    }
    Py_XDECREF(name);
    Py_XDECREF(name2);
    return NULL;
}

/* The end of every call whose only result is success. */
static PyObject *
done(int result, const char *path)
{
    if (result < 0)
        return fail(path);
    Py_RETURN_NONE;
}

static const char *
or_null(const char *text)
{
    return *text ? text : NULL;
}

static PyObject *
stat_tuple(const struct stat *st)
{
    return Py_BuildValue("(IKKKIILK)", (unsigned)st->st_mode, (unsigned long long)st->st_dev,
                         (unsigned long long)st->st_ino, (unsigned long long)st->st_nlink,
                         (unsigned)st->st_uid, (unsigned)st->st_gid, (long long)st->st_size,
                         (unsigned long long)st->st_rdev);
}

/* A list of bytes from a NULL-terminated vector; NULL stands for an empty vector. */
static PyObject *
list_from_vector(char **vector)
{
    PyObject *list = PyList_New(0);

    for (; list != NULL && vector != NULL && *vector != NULL; vector++) {
        PyObject *item = PyBytes_FromString(*vector);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* A NULL-terminated vector that borrows the strings of a list of bytes; the caller frees
   the vector with PyMem_Free and keeps the list alive. */
static char **
vector_from_list(PyObject *list)
{
    Py_ssize_t count = PyList_Size(list);
    char **vector;

    if (count < 0)
        return NULL;
    vector = PyMem_Calloc((size_t)count + 1, sizeof *vector);
    if (vector == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyList_GetItem(list, i);
        /* A NULL length makes Python refuse an embedded NUL, which exec would cut at. */
        if (item == NULL || PyBytes_AsStringAndSize(item, &vector[i], NULL) < 0) {
            PyMem_Free(vector);
            return NULL;
        }
    }
    return vector;
}

static char **process_argv, **process_environ;

void
bootsys_set_vectors(char **argv, char **environ)
{
    process_argv = argv;
    process_environ = environ;
}

CALL_NOARGS(argv)
{
    return list_from_vector(process_argv);
}

CALL_NOARGS(environ)
{
    return list_from_vector(process_environ);
}

CALL(chdir)
{
    static char *names[] = {"path", NULL};
    const char *path;
    int result;

    PARSE("y:chdir", &path);
    BLOCKING(result, chdir(path));
    return done(result, path);
}

CALL(chmod)
{
    static char *names[] = {"path", "mode", "dir_fd", NULL};
    const char *path;
    unsigned int mode;
    int dir_fd = AT_FDCWD, result;

    PARSE("yI|i:chmod", &path, &mode, &dir_fd);
    BLOCKING(result, fchmodat(dir_fd, path, mode, 0));
    return done(result, path);
}

CALL(chown)
{
    static char *names[] = {"path", "uid", "gid", "dir_fd", "follow", NULL};
    const char *path;
    unsigned int uid, gid;
    int dir_fd = AT_FDCWD, follow = 1, result;

    PARSE("yII|ip:chown", &path, &uid, &gid, &dir_fd, &follow);
    BLOCKING(result, fchownat(dir_fd, path, uid, gid, follow ? 0 : AT_SYMLINK_NOFOLLOW));
    return done(result, path);
}

CALL(chroot)
{
    static char *names[] = {"path", NULL};
    const char *path;
    int result;

    PARSE("y:chroot", &path);
    BLOCKING(result, chroot(path));
    return done(result, path);
}

CALL(close)
{
    static char *names[] = {"fd", NULL};
    int fd, result;

    PARSE("i:close", &fd);
    /* Never repeated: after EINTR the number may already be somebody else's. */
    Py_BEGIN_ALLOW_THREADS
    result = close(fd);
    Py_END_ALLOW_THREADS
    if (result < 0 && errno == EINTR)
        Py_RETURN_NONE;
    return done(result, NULL);
}

CALL(dup2)
{
    static char *names[] = {"old_fd", "new_fd", NULL};
    int old_fd, new_fd, result;

    PARSE("ii:dup2", &old_fd, &new_fd);
    BLOCKING(result, dup2(old_fd, new_fd));
    return done(result, NULL);
}

/* libsodium's declaration, written out: the static executable links the archive, and the
   host's extension needs neither.  sodium_init is not called: it draws random bytes, which
   can block an initramfs, and only chooses between implementations that are all right. */
#ifdef BOOTSYS_SODIUM
extern int crypto_sign_ed25519_verify_detached(const unsigned char *signature,
                                               const unsigned char *message,
                                               unsigned long long size,
                                               const unsigned char *key);
#endif

CALL(ed25519_verify)
{
    static char *names[] = {"signature", "message", "key", NULL};
    const char *signature, *message, *key;
    Py_ssize_t signature_size, size, key_size;

    PARSE("y#y#y#:ed25519_verify", &signature, &signature_size, &message, &size, &key, &key_size);
    if (signature_size != 64 || key_size != 32) {
        PyErr_SetString(PyExc_ValueError, "a signature has 64 bytes and a key has 32");
        return NULL;
    }
#ifdef BOOTSYS_SODIUM
    return PyBool_FromLong(crypto_sign_ed25519_verify_detached(
                               (const unsigned char *)signature, (const unsigned char *)message,
                               (unsigned long long)size, (const unsigned char *)key) == 0);
#else
    errno = ENOSYS;
    return fail(NULL);
#endif
}

CALL(execve)
{
    static char *names[] = {"path", "argv", "environ", NULL};
    const char *path;
    PyObject *argv_list, *environ_list;
    char **argv = NULL, **environ = NULL;

    PARSE("yOO:execve", &path, &argv_list, &environ_list);
    argv = vector_from_list(argv_list);
    if (argv != NULL)
        environ = vector_from_list(environ_list);
    if (environ != NULL) {
        execve(path, argv, environ);
        fail(path);
    }
    PyMem_Free(argv);
    PyMem_Free(environ);
    return NULL;
}

CALL(fchdir)
{
    static char *names[] = {"fd", NULL};
    int fd, result;

    PARSE("i:fchdir", &fd);
    BLOCKING(result, fchdir(fd));
    return done(result, NULL);
}

CALL(finit_module)
{
    static char *names[] = {"fd", "params", "flags", NULL};
    const char *params;
    int fd, flags;
    long result;

    PARSE("iyi:finit_module", &fd, &params, &flags);
    BLOCKING(result, syscall(SYS_finit_module, fd, params, flags));
    return done((int)result, NULL);
}

/* ---- freeze_thaw: ioctl_fsfreeze under a watchdog ------------------------------------- */

static void
wake_up(int Py_UNUSED(signal))
{
}

/* The watchdog's life: waits until the parent says "done" (a byte), is gone (end of file,
   or SIGHUP by PR_SET_PDEATHSIG), or the limit is over.  Only async-signal-safe calls:
   the parent may have had threads.  All signals but SIGHUP stay blocked. */
static void
watch(int fd, int pipe_fd, int ready_fd, int limit_s)
{
    struct sigaction action = {.sa_handler = wake_up};
    struct timespec limit = {.tv_sec = limit_s};
    struct pollfd event = {.fd = pipe_fd, .events = POLLIN};
    sigset_t all_but_hangup;
    char byte;

    /* Out of the parent's group before it freezes anything: who kills the group with
       SIGKILL would take the watchdog along. */
    setsid();
    if (write(ready_fd, "r", 1) != 1)
        _exit(1);
    close(ready_fd);
    sigaction(SIGHUP, &action, NULL);
    sigfillset(&all_but_hangup);
    sigdelset(&all_but_hangup, SIGHUP);
    prctl(PR_SET_PDEATHSIG, SIGHUP);
    for (;;) {
        int ready = ppoll(&event, 1, &limit, &all_but_hangup);
        ssize_t got = ready > 0 ? read(pipe_fd, &byte, 1) : -1;

        if (got == 1)
            _exit(0);
        ioctl(fd, FITHAW, 0);
        if (got == 0)
            _exit(0);
        /* Over the limit, or a stray SIGHUP, and the parent lives: it may still be inside
           FIFREEZE, so that the thaw came too early.  Look again every second. */
        limit.tv_sec = 1;
    }
}

/* Forks the watchdog and waits until it watches.  Returns the fd that a byte is written to
   when all is well. */
static int
start_watchdog(int fd, int limit_s, pid_t *watchdog)
{
    int ends[2], ready[2], code;
    char byte;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(ready, O_CLOEXEC) < 0) {
        code = errno;
        close(ends[0]);
        close(ends[1]);
        errno = code;
        return -1;
    }
    *watchdog = fork();
    if (*watchdog == 0) {
        close(ends[1]);
        close(ready[0]);
        watch(fd, ends[0], ready[1], limit_s);
    }
    code = errno;
    close(ends[0]);
    close(ready[1]);
    /* End of file: it was killed before it could watch. */
    if (*watchdog > 0 && read(ready[0], &byte, 1) != 1) {
        while (waitpid(*watchdog, NULL, 0) < 0 && errno == EINTR)
            ;
        *watchdog = -1;
        code = ECHILD;
    }
    close(ready[0]);
    if (*watchdog < 0) {
        close(ends[1]);
        errno = code;
        return -1;
    }
    return ends[1];
}

/* Freezes and thaws with all signals of this thread blocked and nothing in between.
   Returns 0, or -1 with errno. */
static int
freeze_and_thaw(int fd, int limit_s)
{
    sigset_t all, before;
    pid_t watchdog;
    int done_fd, code = 0, frozen;

    /* Writing back first keeps the time inside FIFREEZE short. */
    if (syncfs(fd) < 0)
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    done_fd = start_watchdog(fd, limit_s, &watchdog);
    if (done_fd < 0) {
        code = errno;
    } else {
        frozen = ioctl(fd, FIFREEZE, 0) == 0;
        if (!frozen)
            code = errno;
        /* EINVAL: the watchdog was faster. */
        else if (ioctl(fd, FITHAW, 0) < 0 && errno != EINVAL)
            code = errno;
        /* Without the byte the watchdog sees the end of the pipe and thaws once more. */
        if (!(frozen && code) && write(done_fd, "d", 1) < 0 && !code)
            code = errno;
        close(done_fd);
        while (waitpid(watchdog, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return code ? -1 : 0;
}

CALL(freeze_thaw)
{
    static char *names[] = {"fd", "limit_s", NULL};
    int fd, limit_s, result;

    PARSE("ii:freeze_thaw", &fd, &limit_s);
    if (limit_s <= 0) {
        PyErr_SetString(PyExc_ValueError, "limit_s must be positive");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    result = freeze_and_thaw(fd, limit_s);
    Py_END_ALLOW_THREADS
    return done(result, NULL);
}

/* The number, not glibc's wrapper: that came with 2.36.  The key stands for the path. */
CALL(fsconfig)
{
    static char *names[] = {"fd", "command", "key", "value", "aux", NULL};
    const char *key, *value;
    unsigned int command;
    int fd, aux;
    long result;

    PARSE("iIyyi:fsconfig", &fd, &command, &key, &value, &aux);
    BLOCKING(result, syscall(SYS_fsconfig, fd, command, or_null(key), or_null(value), aux));
    return done((int)result, key);
}

CALL(fsmount)
{
    static char *names[] = {"fd", "flags", "attributes", NULL};
    unsigned int flags, attributes;
    int fd;
    long result;

    PARSE("iII:fsmount", &fd, &flags, &attributes);
    BLOCKING(result, syscall(SYS_fsmount, fd, flags | FSMOUNT_CLOEXEC, attributes));
    if (result < 0)
        return fail(NULL);
    return PyLong_FromLong(result);
}

CALL(fsopen)
{
    static char *names[] = {"fstype", "flags", NULL};
    const char *fstype;
    unsigned int flags;
    long result;

    PARSE("yI:fsopen", &fstype, &flags);
    BLOCKING(result, syscall(SYS_fsopen, fstype, flags | FSOPEN_CLOEXEC));
    if (result < 0)
        return fail(fstype);
    return PyLong_FromLong(result);
}

CALL(fstat)
{
    static char *names[] = {"fd", NULL};
    struct stat st;
    int fd, result;

    PARSE("i:fstat", &fd);
    BLOCKING(result, fstat(fd, &st));
    if (result < 0)
        return fail(NULL);
    return stat_tuple(&st);
}

CALL(get_flags)
{
    static char *names[] = {"fd", NULL};
    /* The kernel reads and writes an int here, whatever the ioctl's number says. */
    unsigned int flags = 0;
    int fd, result;

    PARSE("i:get_flags", &fd);
    BLOCKING(result, ioctl(fd, FS_IOC_GETFLAGS, &flags));
    if (result < 0)
        return fail(NULL);
    return PyLong_FromUnsignedLong(flags);
}

CALL_NOARGS(getpid)
{
    return PyLong_FromLong(getpid());
}

/* An ioctl with a structure, which the kernel may change, or without: empty data is no
   argument.  That the data is as large as the request wants is for the caller to see to. */
CALL(ioctl)
{
    static char *names[] = {"fd", "request", "data", NULL};
    const char *data;
    unsigned long request;
    Py_ssize_t size;
    PyObject *answer;
    char *buffer;
    int fd, result;

    PARSE("iky#:ioctl", &fd, &request, &data, &size);
    buffer = PyMem_Malloc((size_t)size + 1);
    if (buffer == NULL)
        return PyErr_NoMemory();
    memcpy(buffer, data, (size_t)size);
    BLOCKING(result, ioctl(fd, request, size > 0 ? buffer : NULL));
    answer = result < 0 ? fail(NULL) : Py_BuildValue("(iy#)", result, buffer, size);
    PyMem_Free(buffer);
    return answer;
}

/* The names of an open directory, without `.` and `..`; the caller closes. */
static PyObject *
list_names(DIR *dir, const char *path)
{
    PyObject *list = PyList_New(0);

    while (list != NULL) {
        struct dirent *entry;
        PyObject *name;

        errno = 0;
        Py_BEGIN_ALLOW_THREADS
        entry = readdir(dir);
        Py_END_ALLOW_THREADS
        if (entry == NULL) {
            if (errno == 0)
                break;
            fail(path);
            Py_CLEAR(list);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        name = PyBytes_FromString(entry->d_name);
        if (name == NULL || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

CALL(listdir)
{
    static char *names[] = {"path", "dir_fd", NULL};
    const char *path;
    int dir_fd = AT_FDCWD, fd;
    PyObject *list;
    DIR *dir;

    PARSE("y|i:listdir", &path, &dir_fd);
    BLOCKING(fd, openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return fail(path);
    dir = fdopendir(fd);
    if (dir == NULL) {
        fail(path);
        close(fd);
        return NULL;
    }
    list = list_names(dir, path);
    closedir(dir);
    return list;
}

CALL(lseek)
{
    static char *names[] = {"fd", "offset", "whence", NULL};
    int fd, whence;
    long long offset, result;

    PARSE("iLi:lseek", &fd, &offset, &whence);
    BLOCKING(result, lseek(fd, offset, whence));
    if (result < 0)
        return fail(NULL);
    return PyLong_FromLongLong(result);
}

CALL(mkdir)
{
    static char *names[] = {"path", "mode", "dir_fd", NULL};
    const char *path;
    unsigned int mode;
    int dir_fd = AT_FDCWD, result;

    PARSE("yI|i:mkdir", &path, &mode, &dir_fd);
    BLOCKING(result, mkdirat(dir_fd, path, mode));
    return done(result, path);
}

CALL(mknod)
{
    static char *names[] = {"path", "mode", "rdev", "dir_fd", NULL};
    const char *path;
    unsigned int mode;
    unsigned long long rdev;
    int dir_fd = AT_FDCWD, result;

    PARSE("yIK|i:mknod", &path, &mode, &rdev, &dir_fd);
    BLOCKING(result, mknodat(dir_fd, path, mode, rdev));
    return done(result, path);
}

CALL_NOARGS(monotonic)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        return fail(NULL);
    return PyFloat_FromDouble((double)now.tv_sec + (double)now.tv_nsec / 1e9);
}

CALL(mount)
{
    static char *names[] = {"source", "target", "fstype", "flags", "data", NULL};
    const char *source, *target, *fstype, *data;
    unsigned long flags;
    int result;

    PARSE("yyyky:mount", &source, &target, &fstype, &flags, &data);
    BLOCKING(result, mount(or_null(source), target, or_null(fstype), flags, or_null(data)));
    return done(result, target);
}

/* Attributes as one block of numbers: headers disagree on who declares struct mount_attr. */
CALL(mount_setattr)
{
    static char *names[] = {"dir_fd", "path", "flags", "set", "clear", "propagation", NULL};
    unsigned long long attributes[4] = {0};
    const char *path;
    unsigned int flags;
    int dir_fd;
    long result;

    PARSE("iyIKKK:mount_setattr", &dir_fd, &path, &flags, &attributes[0], &attributes[1],
          &attributes[2]);
    BLOCKING(result, syscall(SYS_mount_setattr, dir_fd, path, flags, attributes,
                             sizeof attributes));
    return done((int)result, path);
}

CALL(move_mount)
{
    static char *names[] = {"from_fd", "from_path", "to_fd", "to_path", "flags", NULL};
    const char *from_path, *to_path;
    unsigned int flags;
    int from_fd, to_fd;
    long result;

    PARSE("iyiyI:move_mount", &from_fd, &from_path, &to_fd, &to_path, &flags);
    BLOCKING(result, syscall(SYS_move_mount, from_fd, from_path, to_fd, to_path, flags));
    return done((int)result, to_path);
}

CALL(open)
{
    static char *names[] = {"path", "flags", "mode", "dir_fd", NULL};
    const char *path;
    unsigned int mode = 0666;
    int flags, dir_fd = AT_FDCWD, result;

    PARSE("yi|Ii:open", &path, &flags, &mode, &dir_fd);
    BLOCKING(result, openat(dir_fd, path, flags | O_CLOEXEC, mode));
    if (result < 0)
        return fail(path);
    return PyLong_FromLong(result);
}

CALL(open_tree)
{
    static char *names[] = {"dir_fd", "path", "flags", NULL};
    const char *path;
    unsigned int flags;
    int dir_fd;
    long result;

    PARSE("iyI:open_tree", &dir_fd, &path, &flags);
    BLOCKING(result, syscall(SYS_open_tree, dir_fd, path, flags | O_CLOEXEC));
    if (result < 0)
        return fail(path);
    return PyLong_FromLong(result);
}

CALL(openat2)
{
    static char *names[] = {"dir_fd", "path", "flags", "mode", "resolve", NULL};
    const char *path;
    int dir_fd;
    long result;
    unsigned long long flags, mode, resolve;
    struct open_how how = {0};

    PARSE("iyKKK:openat2", &dir_fd, &path, &flags, &mode, &resolve);
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = resolve;
    BLOCKING(result, syscall(SYS_openat2, dir_fd, path, &how, sizeof how));
    if (result < 0)
        return fail(path);
    return PyLong_FromLong(result);
}

CALL(pivot_root)
{
    static char *names[] = {"new_root", "put_old", NULL};
    const char *new_root, *put_old;
    long result;

    PARSE("yy:pivot_root", &new_root, &put_old);
    BLOCKING(result, syscall(SYS_pivot_root, new_root, put_old));
    return done((int)result, new_root);
}

/* Both reads: `offset` below 0 reads at the fd's own position. */
static PyObject *
read_bytes(int fd, Py_ssize_t count, long long offset)
{
    PyObject *data;
    char *buffer;
    Py_ssize_t result;

    if (count < 0) {
        PyErr_SetString(PyExc_ValueError, "count must not be negative");
        return NULL;
    }
    buffer = PyMem_Malloc((size_t)count);
    if (buffer == NULL)
        return PyErr_NoMemory();
    if (offset < 0)
        BLOCKING(result, read(fd, buffer, (size_t)count));
    else
        BLOCKING(result, pread(fd, buffer, (size_t)count, offset));
    data = result < 0 ? fail(NULL) : PyBytes_FromStringAndSize(buffer, result);
    PyMem_Free(buffer);
    return data;
}

CALL(pread)
{
    static char *names[] = {"fd", "count", "offset", NULL};
    int fd;
    Py_ssize_t count;
    long long offset;

    PARSE("inL:pread", &fd, &count, &offset);
    if (offset < 0) {
        errno = EINVAL;
        return fail(NULL);
    }
    return read_bytes(fd, count, offset);
}

CALL(read)
{
    static char *names[] = {"fd", "count", NULL};
    int fd;
    Py_ssize_t count;

    PARSE("in:read", &fd, &count);
    return read_bytes(fd, count, -1);
}

CALL(readlink)
{
    static char *names[] = {"path", "dir_fd", NULL};
    const char *path;
    char target[PATH_MAX + 1];
    int dir_fd = AT_FDCWD;
    Py_ssize_t result;

    PARSE("y|i:readlink", &path, &dir_fd);
    BLOCKING(result, readlinkat(dir_fd, path, target, sizeof target));
    if (result == (Py_ssize_t)sizeof target) {
        errno = ENAMETOOLONG;
        result = -1;
    }
    if (result < 0)
        return fail(path);
    return PyBytes_FromStringAndSize(target, result);
}

CALL(reboot)
{
    static char *names[] = {"command", NULL};
    unsigned int command;
    int result;

    PARSE("I:reboot", &command);
    BLOCKING(result, reboot((int)command));
    return done(result, NULL);
}

CALL(rename)
{
    static char *names[] = {"old", "new", "flags", "old_dir_fd", "new_dir_fd", NULL};
    const char *old, *new;
    unsigned int flags = 0;
    int old_dir_fd = AT_FDCWD, new_dir_fd = AT_FDCWD, result;

    PARSE("yy|Iii:rename", &old, &new, &flags, &old_dir_fd, &new_dir_fd);
    if (flags == 0)
        BLOCKING(result, renameat(old_dir_fd, old, new_dir_fd, new));
    else
        BLOCKING(result, renameat2(old_dir_fd, old, new_dir_fd, new, flags));
    if (result < 0)
        return fail2(old, new);
    Py_RETURN_NONE;
}

CALL(rmdir)
{
    static char *names[] = {"path", "dir_fd", NULL};
    const char *path;
    int dir_fd = AT_FDCWD, result;

    PARSE("y|i:rmdir", &path, &dir_fd);
    BLOCKING(result, unlinkat(dir_fd, path, AT_REMOVEDIR));
    return done(result, path);
}

/* As process 1, whatever else ends meanwhile is reaped, too. */
static int
wait_for(pid_t child, int *status)
{
    pid_t wanted = getpid() == 1 ? -1 : child, ended;

    do {
        ended = waitpid(wanted, status, 0);
    } while (ended != child && (ended >= 0 || errno == EINTR));
    return ended == child ? 0 : -1;
}

CALL(run)
{
    static char *names[] = {"path", "argv", "environ", "tty", NULL};
    const char *path;
    PyObject *argv_list, *environ_list, *answer = NULL;
    char **argv = NULL, **environ = NULL;
    int tty, status = 0, result;
    pid_t child;

    PARSE("yOOi:run", &path, &argv_list, &environ_list, &tty);
    argv = vector_from_list(argv_list);
    if (argv != NULL)
        environ = vector_from_list(environ_list);
    if (environ != NULL) {
        child = fork();
        if (child == 0) {
            setsid();
            ioctl(tty, TIOCSCTTY, 0);
            for (int fd = 0; fd < 3; fd++)
                dup2(tty, fd);
            execve(path, argv, environ);
            _exit(127);
        }
        result = -1;
        if (child > 0)
            BLOCKING(result, wait_for(child, &status));
        answer = result < 0 ? fail(path) : PyLong_FromLong(status);
    }
    PyMem_Free(argv);
    PyMem_Free(environ);
    return answer;
}

/* Waits two seconds at most: a log line must not hold up a boot. */
static int
send_to(const struct sockaddr_un *address, const char *data, size_t size)
{
    struct timeval limit = {.tv_sec = 2};
    ssize_t sent;
    int code, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    sent = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (sent == 0)
        sent = sendto(fd, data, size, MSG_NOSIGNAL, (const struct sockaddr *)address,
                      sizeof *address);
    code = errno;
    close(fd);
    errno = code;
    return sent < 0 ? -1 : 0;
}

CALL(send_datagram)
{
    static char *names[] = {"address", "data", NULL};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path, *data;
    Py_ssize_t size;
    int result;

    PARSE("yy#:send_datagram", &path, &data, &size);
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return fail(path);
    }
    strcpy(address.sun_path, path);
    BLOCKING(result, send_to(&address, data, (size_t)size));
    return done(result, path);
}

CALL(set_flags)
{
    static char *names[] = {"fd", "flags", NULL};
    unsigned int flags;
    int fd, result;

    PARSE("iI:set_flags", &fd, &flags);
    BLOCKING(result, ioctl(fd, FS_IOC_SETFLAGS, &flags));
    return done(result, NULL);
}

CALL(setns)
{
    static char *names[] = {"fd", "nstype", NULL};
    int fd, nstype, result;

    PARSE("ii:setns", &fd, &nstype);
    BLOCKING(result, setns(fd, nstype));
    return done(result, NULL);
}

CALL_NOARGS(setsid)
{
    pid_t session = setsid();

    if (session < 0)
        return fail(NULL);
    return PyLong_FromLong(session);
}

/* Sleeps towards a fixed moment, so that signals do not lengthen it. */
CALL(sleep)
{
    static char *names[] = {"seconds", NULL};
    double seconds, whole;
    struct timespec until;
    int result;

    PARSE("d:sleep", &seconds);
    if (!(seconds >= 0 && seconds < 1e9)) {
        PyErr_SetString(PyExc_ValueError, "seconds must be from 0 to 1e9");
        return NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    do {
        Py_BEGIN_ALLOW_THREADS
        result = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        Py_END_ALLOW_THREADS
    } while (result == EINTR && PyErr_CheckSignals() == 0);
    errno = result;
    return done(result ? -1 : 0, NULL);
}

CALL(stat)
{
    static char *names[] = {"path", "dir_fd", "follow", NULL};
    const char *path;
    struct stat st;
    int dir_fd = AT_FDCWD, follow = 1, result;

    PARSE("y|ip:stat", &path, &dir_fd, &follow);
    BLOCKING(result, fstatat(dir_fd, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW));
    if (result < 0)
        return fail(path);
    return stat_tuple(&st);
}

CALL(statfs)
{
    static char *names[] = {"path", NULL};
    const char *path;
    struct statfs fs;
    int result;

    PARSE("y:statfs", &path);
    BLOCKING(result, statfs(path, &fs));
    if (result < 0)
        return fail(path);
    /* 32 bits carry every magic number; the field's width and sign differ by machine. */
    return Py_BuildValue("(Ik)", (unsigned)fs.f_type, (unsigned long)fs.f_flags);
}

CALL(symlink)
{
    static char *names[] = {"target", "path", "dir_fd", NULL};
    const char *target, *path;
    int dir_fd = AT_FDCWD, result;

    PARSE("yy|i:symlink", &target, &path, &dir_fd);
    BLOCKING(result, symlinkat(target, dir_fd, path));
    return done(result, path);
}

CALL_NOARGS(sync)
{
    Py_BEGIN_ALLOW_THREADS
    sync();
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

CALL(syncfs)
{
    static char *names[] = {"fd", NULL};
    int fd, result;

    PARSE("i:syncfs", &fd);
    BLOCKING(result, syncfs(fd));
    return done(result, NULL);
}

CALL(umount)
{
    static char *names[] = {"path", "flags", NULL};
    const char *path;
    int flags, result;

    PARSE("yi:umount", &path, &flags);
    BLOCKING(result, umount2(path, flags));
    return done(result, path);
}

CALL_NOARGS(uname)
{
    struct utsname name;

    if (uname(&name) < 0)
        return fail(NULL);
    return Py_BuildValue("(yyyyy)", name.sysname, name.nodename, name.release, name.version,
                         name.machine);
}

CALL(unlink)
{
    static char *names[] = {"path", "dir_fd", NULL};
    const char *path;
    int dir_fd = AT_FDCWD, result;

    PARSE("y|i:unlink", &path, &dir_fd);
    BLOCKING(result, unlinkat(dir_fd, path, 0));
    return done(result, path);
}

CALL(unshare)
{
    static char *names[] = {"flags", NULL};
    int flags, result;

    PARSE("i:unshare", &flags);
    BLOCKING(result, unshare(flags));
    return done(result, NULL);
}

CALL(write)
{
    static char *names[] = {"fd", "data", NULL};
    const char *data;
    Py_ssize_t size, result;
    int fd;

    PARSE("iy#:write", &fd, &data, &size);
    BLOCKING(result, write(fd, data, (size_t)size));
    if (result < 0)
        return fail(NULL);
    return PyLong_FromSsize_t(result);
}

/* The cast goes through a function without arguments, as Python's own tables do. */
#define ENTRY(name) \
    {#name, (PyCFunction)(void (*)(void))call_##name, METH_VARARGS | METH_KEYWORDS, NULL}
#define ENTRY_NOARGS(name) {#name, call_##name, METH_NOARGS, NULL}

static PyMethodDef methods[] = {
    ENTRY_NOARGS(argv),
    ENTRY_NOARGS(environ),
    ENTRY(chdir),
    ENTRY(chmod),
    ENTRY(chown),
    ENTRY(chroot),
    ENTRY(close),
    ENTRY(dup2),
    ENTRY(ed25519_verify),
    ENTRY(execve),
    ENTRY(fchdir),
    ENTRY(finit_module),
    ENTRY(freeze_thaw),
    ENTRY(fsconfig),
    ENTRY(fsmount),
    ENTRY(fsopen),
    ENTRY(fstat),
    ENTRY(get_flags),
    ENTRY_NOARGS(getpid),
    ENTRY(ioctl),
    ENTRY(listdir),
    ENTRY(lseek),
    ENTRY(mkdir),
    ENTRY(mknod),
    ENTRY_NOARGS(monotonic),
    ENTRY(mount),
    ENTRY(mount_setattr),
    ENTRY(move_mount),
    ENTRY(open),
    ENTRY(open_tree),
    ENTRY(openat2),
    ENTRY(pivot_root),
    ENTRY(pread),
    ENTRY(read),
    ENTRY(readlink),
    ENTRY(reboot),
    ENTRY(rename),
    ENTRY(rmdir),
    ENTRY(run),
    ENTRY(send_datagram),
    ENTRY(set_flags),
    ENTRY(setns),
    ENTRY_NOARGS(setsid),
    ENTRY(sleep),
    ENTRY(stat),
    ENTRY(statfs),
    ENTRY(symlink),
    ENTRY_NOARGS(sync),
    ENTRY(syncfs),
    ENTRY(umount),
    ENTRY_NOARGS(uname),
    ENTRY(unlink),
    ENTRY(unshare),
    ENTRY(write),
    {NULL, NULL, 0, NULL},
};

static int
add_constants(PyObject *module)
{
    /* Only what differs between architectures or is passed to this module by value. */
    if (PyModule_AddIntConstant(module, "AT_FDCWD", AT_FDCWD) < 0
        || PyModule_AddIntConstant(module, "O_DIRECTORY", O_DIRECTORY) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "O_NOFOLLOW", O_NOFOLLOW);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_constants},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_bootsys",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__bootsys(void)
{
    return PyModuleDef_Init(&definition);
}
