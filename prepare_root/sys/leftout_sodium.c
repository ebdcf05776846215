/* What the static executable leaves out of libsodium: random numbers, locked memory and the
 * choice between implementations, in short its utils.o and core.o.
 *
 * Verifying a signature needs none of them, but libsodium's own objects ask for these few
 * names of theirs.  Random numbers must not be asked for in an initramfs: there may be none
 * yet, and to wait for them could hang the boot.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void sodium_memzero(void *memory, size_t size);
int sodium_memcmp(const void *left, const void *right, size_t size);
int sodium_is_zero(const unsigned char *bytes, size_t size);
void sodium_misuse(void);

void
sodium_memzero(void *memory, size_t size)
{
    explicit_bzero(memory, size);
}

/* 0 when equal, else -1; nothing that is compared to verify is secret. */
int
sodium_memcmp(const void *left, const void *right, size_t size)
{
    return memcmp(left, right, size) == 0 ? 0 : -1;
}

int
sodium_is_zero(const unsigned char *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    return size == 0;
}

void
sodium_misuse(void)
{
    abort();
}
