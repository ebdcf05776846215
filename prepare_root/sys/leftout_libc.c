/* What the static executable leaves out of glibc: locales other than C, translations,
 * character set modules and time zones.
 *
 * They are all the ways by which a static glibc would still open files at run time or load
 * shared objects (`setlocale` and `iconv` load converters by dlopen).  CPython's core asks
 * for them only in passing.  Each symbol is the one reason why its archive member would be
 * linked; defined here, the member, and dlopen with it, stays out, which the build proves.
 *
 * Names and prototypes are those of glibc 2.36 to 2.42.  Names that glibc declares in
 * private headers are declared here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* The locale is C and stays C. */
char *
setlocale(int category, const char *locale)
{
    static char name[] = "C";

    (void)category;
    if (locale == NULL || *locale == '\0' || !strcmp(locale, "C") || !strcmp(locale, "POSIX"))
        return name;
    return NULL;
}

/* Taken by libc around fork and by strerror; the room is that of the largest lock. */
pthread_rwlock_t __libc_setlocale_lock = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t __gconv_lock = PTHREAD_MUTEX_INITIALIZER;

/* Messages are not translated. */
char *__dcgettext(const char *domain, const char *text, int category);

char *
__dcgettext(const char *domain, const char *text, int category)
{
    (void)domain;
    (void)category;
    return (char *)text;
}

/* The C locale's converters are built in; a search for others finds none (1: no conversion). */
int __gconv_find_transform(const char *to, const char *from, void **steps, size_t *count,
                           int flags);
int __gconv_close_transform(void *steps, size_t count);
void __gconv_release_step(void *step);

int
__gconv_find_transform(const char *to, const char *from, void **steps, size_t *count, int flags)
{
    (void)to;
    (void)from;
    (void)flags;
    *steps = NULL;
    *count = 0;
    return 1;
}

int
__gconv_close_transform(void *steps, size_t count)
{
    (void)steps;
    (void)count;
    return 0;
}

void
__gconv_release_step(void *step)
{
    (void)step;
}

enum { ILLEGAL_INPUT = 6 }; /* of gconv.h */

int __gconv_transliterate(void);
int __gconv_transform_ascii_internal(void);
int __gconv_transform_internal_ascii(void);
unsigned __gconv_btwoc_ascii(void *step, unsigned char byte);

/* Wide characters from and to bytes, for stdio: nothing is printed of them. */
int
__gconv_transliterate(void)
{
    return ILLEGAL_INPUT;
}

int
__gconv_transform_ascii_internal(void)
{
    return ILLEGAL_INPUT;
}

int
__gconv_transform_internal_ascii(void)
{
    return ILLEGAL_INPUT;
}

unsigned
__gconv_btwoc_ascii(void *step, unsigned char byte)
{
    (void)step;
    return byte < 0x80 ? byte : (unsigned)-1;
}

/* The same for CPython, which decodes the texts of errors so: ASCII, as in the C locale. */
size_t
mbstowcs(wchar_t *restrict to, const char *restrict from, size_t size)
{
    size_t length;

    for (length = 0; to == NULL || length < size; length++) {
        unsigned char byte = (unsigned char)from[length];

        if (byte >= 0x80) {
            errno = EILSEQ;
            return (size_t)-1;
        }
        if (to != NULL)
            to[length] = byte;
        if (byte == 0)
            break;
    }
    return length;
}

size_t
mbrtowc(wchar_t *restrict to, const char *restrict from, size_t size, mbstate_t *restrict state)
{
    wchar_t ignored;

    (void)state;
    if (size == 0)
        return (size_t)-2;
    return mbstowcs(to != NULL ? to : &ignored, from, 1);
}

size_t
wcstombs(char *restrict to, const wchar_t *restrict from, size_t size)
{
    size_t length;

    for (length = 0; to == NULL || length < size; length++) {
        if (from[length] < 0 || from[length] >= 0x80) {
            errno = EILSEQ;
            return (size_t)-1;
        }
        if (to != NULL)
            to[length] = (char)from[length];
        if (from[length] == 0)
            break;
    }
    return length;
}

/* printf of floating-point numbers, which CPython does not use for its own; the last two
   are those since glibc 2.37. */
int __printf_fp(void);
int __printf_fphex(void);
void __printf_fp_l_buffer(void);
void __printf_fphex_l_buffer(void);

int
__printf_fp(void)
{
    return -1;
}

int
__printf_fphex(void)
{
    return -1;
}

void
__printf_fp_l_buffer(void)
{
}

void
__printf_fphex_l_buffer(void)
{
}

/* glibc's own wants a wide-character stream. */
void
perror(const char *text)
{
    const char *texts[] = {text ? text : "error", ": ", strerror(errno), "\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (write(2, texts[i], strlen(texts[i])) < 0)
            return;
}

/* Where a loader would look for libraries, and where the program itself is. */
void _dl_init_paths(const char *path, const char *source, const char *prepend,
                    const char *mask);
const char *_dl_get_origin(void);

void
_dl_init_paths(const char *path, const char *source, const char *prepend, const char *mask)
{
    (void)path;
    (void)source;
    (void)prepend;
    (void)mask;
}

const char *
_dl_get_origin(void)
{
    return (const char *)-1; /* unknown, as where /proc is not mounted */
}

/* Calendar time would read /etc/localtime. */
static struct tm *
no_calendar(void)
{
    errno = ENOSYS;
    return NULL;
}

struct tm *
gmtime_r(const time_t *when, struct tm *result)
{
    (void)when;
    (void)result;
    return no_calendar();
}

struct tm *
localtime_r(const time_t *when, struct tm *result)
{
    (void)when;
    (void)result;
    return no_calendar();
}

/* One thread: a second one would bring the loader (for its stack) and the resolver (for its
   state) into the link, and the unwinder for its end. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
               void *argument)
{
    (void)thread;
    (void)attributes;
    (void)start;
    (void)argument;
    return EAGAIN;
}

void
pthread_exit(void *result)
{
    (void)result;
    abort();
}

/* glibc's own wants a translation and a wide-character stream. */
void
__assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
    (void)file;
    (void)line;
    (void)function;
    if (write(2, assertion, strlen(assertion)) < 0 || write(2, ": assertion failed\n", 19) < 0)
        abort();
    abort();
}

/* glibc puts the thread's own data in memory from brk(2), at a random address.  Here it is
   always the same: the address is the thread's identity, and CPython specialises code for
   small and for large numbers, which would make snapshots differ. */
void *_dl_early_allocate(size_t size);

void *
_dl_early_allocate(size_t size)
{
    static char memory[8192] __attribute__((aligned(64)));
    static size_t used;
    void *allocated = memory + used;

    if (size > sizeof(memory) - used)
        return NULL;
    used += (size + 63) / 64 * 64;
    return allocated;
}

/* Nothing unwinds the stack: no thread is cancelled and there is no C++.  The names are in
   the clean-up code of stdio. */
void _Unwind_Resume(void *exception);
int __gcc_personality_v0(void);

void
_Unwind_Resume(void *exception)
{
    (void)exception;
    abort();
}

int
__gcc_personality_v0(void)
{
    abort();
}

/* Mathematics of complex numbers and of powers that are no integers.  CPython makes an
   exception of the error number. */
static double
no_result(void)
{
    errno = EDOM;
    return NAN;
}

double
hypot(double x, double y)
{
    (void)x;
    (void)y;
    return no_result();
}

double
atan2(double y, double x)
{
    (void)y;
    (void)x;
    return no_result();
}

double
exp(double x)
{
    (void)x;
    return no_result();
}

double
pow(double x, double y)
{
    (void)x;
    (void)y;
    return no_result();
}

void
sincos(double x, double *sine, double *cosine)
{
    (void)x;
    *sine = *cosine = no_result();
}
