/* Plain string functions instead of glibc's, which bring a version for each kind of
 * processor: a tenth of a megabyte.  Nothing here is long enough to tell.
 *
 * Those that CPython copies and compares its objects with (memcpy, memcmp, memchr, strlen)
 * stay glibc's.  The names with underscores are what glibc's own objects ask for.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <string.h>
#include <wchar.h>

#define ALIAS(name) __attribute__((alias(#name), copy(name)))

/* A loop that is a string function must not become a call of that function. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

int
strcmp(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right)
        left++, right++;
    return (unsigned char)*left - (unsigned char)*right;
}

int
strncmp(const char *left, const char *right, size_t size)
{
    for (; size > 0 && *left != '\0' && *left == *right; size--)
        left++, right++;
    return size == 0 ? 0 : (unsigned char)*left - (unsigned char)*right;
}

char *
stpcpy(char *restrict to, const char *restrict from)
{
    while ((*to = *from++) != '\0')
        to++;
    return to;
}

char *
strcpy(char *restrict to, const char *restrict from)
{
    /* Not by stpcpy: the compiler makes that strcpy where its result is not used. */
    for (char *next = to; (*next = *from++) != '\0'; next++)
        ;
    return to;
}

char *
strncpy(char *restrict to, const char *restrict from, size_t size)
{
    size_t i;

    for (i = 0; i < size && from[i] != '\0'; i++)
        to[i] = from[i];
    for (; i < size; i++)
        to[i] = '\0';
    return to;
}

char *
strchrnul(const char *text, int character)
{
    while (*text != '\0' && *text != (char)character)
        text++;
    return (char *)text;
}

char *
strchr(const char *text, int character)
{
    char *found = strchrnul(text, character);

    return *found == (char)character ? found : NULL;
}

void *
memrchr(const void *memory, int byte, size_t size)
{
    const unsigned char *bytes = memory;

    while (size > 0)
        if (bytes[--size] == (unsigned char)byte)
            return (void *)(bytes + size);
    return NULL;
}

char *
strrchr(const char *text, int character)
{
    return memrchr(text, character, strlen(text) + 1);
}

void *
rawmemchr(const void *memory, int byte)
{
    const unsigned char *bytes = memory;

    while (*bytes != (unsigned char)byte)
        bytes++;
    return (void *)bytes;
}

size_t
strnlen(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);

    return end == NULL ? size : (size_t)(end - text);
}

char *
strstr(const char *text, const char *part)
{
    return memmem(text, strlen(text), part, strlen(part));
}

int
wcscmp(const wchar_t *left, const wchar_t *right)
{
    while (*left != L'\0' && *left == *right)
        left++, right++;
    return *left < *right ? -1 : *left > *right;
}

int
wcsncmp(const wchar_t *left, const wchar_t *right, size_t size)
{
    for (; size > 0 && *left != L'\0' && *left == *right; size--)
        left++, right++;
    if (size == 0)
        return 0;
    return *left < *right ? -1 : *left > *right;
}

wchar_t *
wcscpy(wchar_t *restrict to, const wchar_t *restrict from)
{
    wchar_t *begin = to;

    while ((*to++ = *from++) != L'\0')
        ;
    return begin;
}

size_t
wcsnlen(const wchar_t *text, size_t size)
{
    size_t length = 0;

    while (length < size && text[length] != L'\0')
        length++;
    return length;
}

size_t
wcslen(const wchar_t *text)
{
    return wcsnlen(text, (size_t)-1);
}

wchar_t *
wcschr(const wchar_t *text, wchar_t character)
{
    while (*text != L'\0' && *text != character)
        text++;
    return *text == character ? (wchar_t *)text : NULL;
}

wchar_t *
wcsrchr(const wchar_t *text, wchar_t character)
{
    for (size_t i = wcslen(text) + 1; i > 0; i--)
        if (text[i - 1] == character)
            return (wchar_t *)text + (i - 1);
    return NULL;
}

wchar_t *
wmemchr(const wchar_t *text, wchar_t character, size_t size)
{
    for (; size > 0; text++, size--)
        if (*text == character)
            return (wchar_t *)text;
    return NULL;
}

int
wmemcmp(const wchar_t *left, const wchar_t *right, size_t size)
{
    for (; size > 0; left++, right++, size--)
        if (*left != *right)
            return *left < *right ? -1 : 1;
    return 0;
}

wchar_t *
wmemset(wchar_t *text, wchar_t character, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = character;
    return text;
}

char *__stpcpy(char *restrict to, const char *restrict from) ALIAS(stpcpy);
char *__strchrnul(const char *text, int character) ALIAS(strchrnul);
void *__memrchr(const void *memory, int byte, size_t size) ALIAS(memrchr);
void *__rawmemchr(const void *memory, int byte) ALIAS(rawmemchr);
size_t __strnlen(const char *text, size_t size) ALIAS(strnlen);
size_t __wcsnlen(const wchar_t *text, size_t size) ALIAS(wcsnlen);
size_t __wcslen(const wchar_t *text) ALIAS(wcslen);
wchar_t *__wmemchr(const wchar_t *text, wchar_t character, size_t size) ALIAS(wmemchr);
wchar_t *__wmemset(wchar_t *text, wchar_t character, size_t size) ALIAS(wmemset);
