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
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
