/* The real root's init of a measured guest: says that it runs, and ends the machine.
 *
 * Linked without a libc at an address where nothing else is, so that its first instruction is
 * the end of the count (count.c).  System calls by number: x86-64 only, like the guest.
 */

enum { SYS_write = 1, SYS_open = 2, SYS_reboot = 169 };
enum { WRITE_ONLY = 1, CLOSE_ON_EXEC = 02000000 };

static long call(long number, long a, long b, long c)
{
    long result;

    __asm__ volatile("xor %%r10d, %%r10d\n\tsyscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r10", "r11", "memory");
    return result;
}

void _start(void)
{
    static const char text[] = "<5>bench: the real root's init runs\n";
    long fd = call(SYS_open, (long)"/dev/kmsg", WRITE_ONLY | CLOSE_ON_EXEC, 0);

    call(SYS_write, fd, (long)text, sizeof text - 1);
    for (;;) /* reboot(2): LINUX_REBOOT_MAGIC1, MAGIC2, CMD_POWER_OFF */
        call(SYS_reboot, 0xfee1dead, 0x28121969, 0x4321fedc);
}
