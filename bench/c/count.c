/* A plugin for QEMU's TCG: counts the instructions that a guest executes between its first
 * user code, or the moment when it reaches one address, and that when it reaches another.
 *
 *   -plugin FILE.so,[begin=0xADDRESS,]end=0xADDRESS,out=FILE
 *
 * FILE then gets two lines, "user N" and "kernel N".  User code is what runs in the lower
 * half of the address space once the kernel has run in its own half; before that, firmware
 * and decompression run low, too.  A block that faults in the middle counts as a whole, which
 * adds less than 0.1 %.  Waiting costs nothing: a halted processor executes no instructions.
 *
 * With `begin` each time that the guest comes there counts anew, and FILE has the last count.
 *
 * The interface is that of QEMU's qemu-plugin.h, which Debian does not ship; only what is used
 * here is declared.  Before QEMU 9 its version is 1, from 9 on 2 (API_VERSION).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct block;
typedef void translated(plugin_id id, struct block *block);
typedef void executed(unsigned int processor, void *data);

enum { READS_NO_REGISTERS = 0 };

size_t qemu_plugin_tb_n_insns(const struct block *block);
uint64_t qemu_plugin_tb_vaddr(const struct block *block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated *call);
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *block, executed *call, int flags,
                                          void *data);

EXPORT int qemu_plugin_version = API_VERSION;
EXPORT int qemu_plugin_install(plugin_id id, const void *machine, int argc, char **argv);

static const uint64_t kernel_half = UINT64_C(0xffff800000000000);
static uint64_t begin, end;
static const char *out;
static uint64_t user, kernel, kernel_before;
static bool kernel_ran, user_ran, over;

static void in_kernel(unsigned int processor, void *data)
{
    (void)processor;
    kernel_ran = true;
    kernel += (uintptr_t)data;
}

static void in_user(unsigned int processor, void *data)
{
    (void)processor;
    if (!kernel_ran)
        return;
    if (!user_ran) {
        user_ran = true;
        kernel_before = kernel;
    }
    user += (uintptr_t)data;
}

static void at_begin(unsigned int processor, void *data)
{
    (void)processor;
    (void)data;
    user = kernel = kernel_before = 0;
    kernel_ran = user_ran = true;
    over = false;
}

static void at_end(unsigned int processor, void *data)
{
    FILE *file;

    (void)processor;
    (void)data;
    if (over || !user_ran)
        return;
    over = true;
    file = fopen(out, "w");
    if (!file) {
        perror(out);
        return;
    }
    fprintf(file, "user %" PRIu64 "\nkernel %" PRIu64 "\n", user, kernel - kernel_before);
    if (fclose(file) != 0)
        perror(out);
}

static void on_translation(plugin_id id, struct block *block)
{
    uint64_t address = qemu_plugin_tb_vaddr(block);
    executed *count = address >= kernel_half ? in_kernel : in_user;

    (void)id;
    if (begin && address == begin)
        qemu_plugin_register_vcpu_tb_exec_cb(block, at_begin, READS_NO_REGISTERS, NULL);
    if (address == end)
        qemu_plugin_register_vcpu_tb_exec_cb(block, at_end, READS_NO_REGISTERS, NULL);
    qemu_plugin_register_vcpu_tb_exec_cb(block, count, READS_NO_REGISTERS,
                                         (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

int qemu_plugin_install(plugin_id id, const void *machine, int argc, char **argv)
{
    int i;

    (void)machine;
    for (i = 0; i < argc; i++) {
        if (strncmp(argv[i], "begin=", 6) == 0)
            begin = strtoull(argv[i] + 6, NULL, 0);
        else if (strncmp(argv[i], "end=", 4) == 0)
            end = strtoull(argv[i] + 4, NULL, 0);
        else if (strncmp(argv[i], "out=", 4) == 0)
            out = strdup(argv[i] + 4);
    }
    if (!end || !out) {
        fprintf(stderr, "count: read arguments: end=ADDRESS and out=FILE are needed\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
