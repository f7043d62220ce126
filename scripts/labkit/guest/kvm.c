/* A virtual machine inside the guest: its kernel is a host, too, where its CPU lets it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

enum { MEMORY = 2 << 20, VCPUS = 2 };

/* kvm NAME: holds a virtual machine with two CPUs and 2 MB that never runs. */
int main_kvm(int argc, char **argv)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY, .guest_phys_addr = 1 << 20 };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), machine;

	must(argc == 2, "kvm NAME");
	set_comm(argv[1]);
	if (kvm < 0) {
		skip("/dev/kvm");
		rest();
	}
	must((machine = ioctl(kvm, KVM_CREATE_VM, 0)) >= 0, "a virtual machine");
	region.userspace_addr = (unsigned long)mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) == 0, "its memory");
	for (int i = 0; i < VCPUS; i++)
		must(ioctl(machine, KVM_CREATE_VCPU, i) >= 0, "its CPU");
	rest();
}
