/* Runs a command between two marks, which the counter (count.c) knows by their addresses.
 *
 *   span COMMAND [ARGUMENT...]
 *
 * The exit status is the command's.  Linked so that the marks are where no other program has
 * code (compiled.py says where).
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK(name) __attribute__((noinline, section(".mark_" #name))) static void name(void)

MARK(begin)
{
    __asm__ volatile("nop");
}

MARK(end)
{
    __asm__ volatile("nop");
}

int main(int argc, char **argv)
{
    /* Too far away for a plain call. */
    void (*volatile at_begin)(void) = begin, (*volatile at_end)(void) = end;
    pid_t child;
    int status;

    if (argc < 2) {
        fprintf(stderr, "span: read arguments: no command given\n");
        return 2;
    }
    at_begin();
    child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        perror("span");
        return 125;
    }
    at_end();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
