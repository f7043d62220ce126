/* Programs and maps of eBPF that somebody holds. */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

static int bpf(int command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int map(int type, const char *name, int value_size, int entries)
{
	union bpf_attr attributes;
	int fd;

	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = type;
	attributes.key_size = 4;
	attributes.value_size = value_size;
	attributes.max_entries = entries;
	strcpy(attributes.map_name, name);
	must((fd = bpf(BPF_MAP_CREATE, &attributes)) >= 0, name);
	return fd;
}

/* A program that names a map and returns 0. */
static void program(int type, const char *name, int map)
{
	struct bpf_insn code[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = type;
	attributes.insns = (uintptr_t)code;
	attributes.insn_cnt = sizeof(code) / sizeof(code[0]);
	attributes.license = (uintptr_t) "GPL";
	strcpy(attributes.prog_name, name);
	must(bpf(BPF_PROG_LOAD, &attributes) >= 0, name);
}

/* bpf NAME: loads two programs and two maps, and keeps them. */
int main_bpf(int argc, char **argv)
{
	int hash;

	must(argc == 2, "bpf NAME");
	set_comm(argv[1]);
	hash = map(BPF_MAP_TYPE_HASH, "lab_hash", 8, 64);
	program(BPF_PROG_TYPE_SOCKET_FILTER, "lab_filter", hash);
	program(BPF_PROG_TYPE_XDP, "lab_xdp", map(BPF_MAP_TYPE_ARRAY, "lab_array", 16, 4));
	rest();
}
