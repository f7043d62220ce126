/*
 * Ground truth: what the guest says of itself, as frames on the disk that is file descriptor 9.
 *
 * A frame is a line `FRAME <bytes> <status> <uptime before> <uptime after> <name>` and the bytes.
 * The uptimes are seconds of CLOCK_BOOTTIME. `END` is the last line.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

enum { DISK = 9 };

struct buffer {
	char *data;
	size_t used, room;
};

static struct buffer pending; /* frames that are not on the disk yet */

static double uptime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void reserve(struct buffer *buffer, size_t more)
{
	if (buffer->used + more <= buffer->room)
		return;
	buffer->room = 2 * (buffer->used + more);
	buffer->data = realloc(buffer->data, buffer->room);
	must(buffer->data != NULL, "memory for the truth");
}

static void append(struct buffer *buffer, const char *data, size_t size)
{
	reserve(buffer, size);
	memcpy(buffer->data + buffer->used, data, size);
	buffer->used += size;
}

/* Reads a file to its end; returns 0, or the errno that stopped it. */
static int slurp(struct buffer *buffer, int fd)
{
	for (;;) {
		ssize_t got;

		reserve(buffer, 1 << 16);
		got = read(fd, buffer->data + buffer->used, 1 << 16);
		if (got == 0)
			return 0;
		if (got < 0)
			return errno;
		buffer->used += got;
	}
}

static void flush(void)
{
	for (size_t done = 0; done < pending.used;) {
		ssize_t put = write(DISK, pending.data + done, pending.used - done);

		must(put > 0, "write the truth");
		done += put;
	}
	pending.used = 0;
}

static void frame(const char *name, const struct buffer *body, int status, double before)
{
	char head[512];
	int size = snprintf(head, sizeof(head), "FRAME %zu %d %.3f %.3f %s\n", body->used, status,
			    before, uptime(), name);

	append(&pending, head, size);
	append(&pending, body->data, body->used);
}

/* frame [-n NETNS] NAME COMMAND...: the command's output (with what it says on stderr). */
int main_frame(int argc, char **argv)
{
	struct buffer body = { 0 };
	double before = uptime();
	int ends[2], status = 0, pid = -1;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		enter_netns(argv[2]);
		argv += 2, argc -= 2;
	}
	must(argc > 2 && pipe(ends) == 0 && (pid = fork()) >= 0, "frame");
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		close(DISK);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	close(ends[1]);
	slurp(&body, ends[0]);
	waitpid(pid, &status, 0);
	frame(argv[1], &body, WIFEXITED(status) ? WEXITSTATUS(status) : 128, before);
	flush();
	return 0;
}

static void frame_file(const char *prefix, const char *path)
{
	struct buffer body = { 0 };
	double before = uptime();
	char name[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;

	if (fd < 0)
		return; /* a file that this kernel doesn't have */
	status = slurp(&body, fd);
	close(fd);
	snprintf(name, sizeof(name), "%s%s", prefix, path + 1);
	frame(name, &body, status, before);
	free(body.data);
}

static const char *const system_files[] = {
	"meminfo", "uptime",   "loadavg",  "modules",	"mounts",    "interrupts", "softirqs",
	"slabinfo", "buddyinfo", "vmstat", "stat",	"swaps",     "locks",	   "cmdline",
	"version", "timer_list", "iomem",  "zoneinfo",	"pagetypeinfo", "partitions", "devices",
	"filesystems", "diskstats", "cgroups", "sysvipc/msg", "sysvipc/sem", "sysvipc/shm",
	"sys/kernel/tainted", "sys/kernel/random/boot_id", "cpuinfo", "ioports", "misc", "vmallocinfo",
	"schedstat", "mdstat", "bus/pci/devices", "keys", "key-users", "lab", /* what the module of a death knows of itself */
};

static const char *const net_files[] = {
	"sockstat", "sockstat6", "unix", "packet", "netlink", "protocols", "ptype", "arp", "route",
	"ipv6_route", "if_inet6", "rt_cache", "fib_trie", "fib_triestat", "igmp", "igmp6", "mcfilter",
	"mcfilter6", "dev_mcast", "anycast6", "ip6_flowlabel", "rt6_stats", "wireless", "xfrm_stat",
	"ip_tables_names", "ip_tables_matches", "ip_tables_targets", "nf_conntrack", "stat/nf_conntrack",
	"stat/arp_cache", "stat/ndisc_cache", "stat/rt_cache", "vlan/config", "bonding/bond0", "softnet_stat",
	"raw", "raw6", "icmp", "icmp6", "udplite", "udplite6", "udp", "udp6", "tcp6", "tcp", "snmp6",
	"netstat", "snmp", "dev",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void frame_net(const char *prefix)
{
	char path[128];

	for (size_t i = 0; i < COUNT(net_files); i++) {
		snprintf(path, sizeof(path), "/proc/net/%s", net_files[i]);
		frame_file(prefix, path);
	}
}

/* All network namespaces that have a name; the initial one comes last, nearest to the panic. */
static void frame_all_nets(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	DIR *names = opendir("/run/netns");
	struct dirent *entry;
	char prefix[300];

	while (names && (entry = readdir(names))) {
		if (entry->d_name[0] == '.')
			continue;
		enter_netns(entry->d_name);
		snprintf(prefix, sizeof(prefix), "netns/%s/", entry->d_name);
		frame_net(prefix);
	}
	must(setns(home, 0) == 0, "setns back");
	frame_net("");
}

/* What `ls -l /proc/PID/fd` would say, as lines `<fd> <target>`; the frame is the folder's name with a suffix. */
static void frame_links(const char *folder, const char *suffix)
{
	struct buffer body = { 0 };
	double before = uptime();
	char line[4600], target[4096], name[700];
	struct dirent *entry;
	DIR *names = opendir(folder);

	while (names && (entry = readdir(names))) {
		ssize_t size = readlinkat(dirfd(names), entry->d_name, target, sizeof(target) - 1);

		if (size < 0)
			continue;
		target[size] = 0;
		append(&body, line, snprintf(line, sizeof(line), "%s %s\n", entry->d_name, target));
	}
	if (names)
		closedir(names);
	snprintf(name, sizeof(name), "%s%s", folder + 1, suffix);
	frame(name, &body, names ? 0 : errno, before);
	free(body.data);
}

static const char *const process_files[] = { "stat", "status", "statm", "stack", "maps", "cmdline",
					     "comm", "wchan", "mountinfo", "cgroup", "limits", "timers",
					     "schedstat", "oom_score_adj", "environ", "syscall",
					     "smaps_rollup", "io", "sched", "oom_score", "uid_map",
					     "gid_map", "timens_offsets" };
static const char *const thread_files[] = { "stat", "status", "stack", "comm", "wchan", "schedstat" };

/* Of the crowd's processes, which have 50 threads each, none: reading all would take minutes. */
static void frame_threads(const char *process)
{
	char path[600];
	struct dirent *entry;
	struct stat found;
	DIR *names;

	snprintf(path, sizeof(path), "%s/task", process);
	if (stat(path, &found) == 0 && found.st_nlink > 2 + 40)
		return;
	names = opendir(path);
	while (names && (entry = readdir(names))) {
		if (!isdigit(entry->d_name[0]))
			continue;
		for (size_t i = 0; i < COUNT(thread_files); i++) {
			snprintf(path, sizeof(path), "%s/task/%s/%s", process, entry->d_name,
				 thread_files[i]);
			frame_file("", path);
		}
	}
	if (names)
		closedir(names);
}

static unsigned long inode(int fd)
{
	struct stat found;

	return fd >= 0 && fstat(fd, &found) == 0 ? found.st_ino : 0;
}

/* Whose each namespace of a process is: `<name> <its inode> <the owner's> <the parent's> <uid>`, 0 for none. */
static void frame_owners(const char *process)
{
	static const char *const names[] = { "net", "uts", "ipc", "pid", "user", "mnt", "cgroup", "time" };
	struct buffer body = { 0 };
	double before = uptime();
	char path[400], line[200];

	for (size_t i = 0; i < COUNT(names); i++) {
		int fd, owner, parent;
		uid_t uid = -1;

		snprintf(path, sizeof(path), "%s/ns/%s", process, names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		owner = ioctl(fd, NS_GET_USERNS);
		parent = ioctl(fd, NS_GET_PARENT);
		ioctl(fd, NS_GET_OWNER_UID, &uid);
		append(&body, line, snprintf(line, sizeof(line), "%s %lu %lu %lu %d\n", names[i],
					     inode(fd), inode(owner), inode(parent), (int)uid));
		close(fd);
		close(owner);
		close(parent);
	}
	snprintf(path, sizeof(path), "%s/nsowners", process + 1);
	frame(path, &body, 0, before);
	free(body.data);
}

/* fdinfo of the descriptors that hold programs, maps and links of eBPF. */
static void frame_bpf(const char *folder)
{
	DIR *names = opendir(folder);
	struct dirent *entry;
	char path[700], target[64];

	while (names && (entry = readdir(names))) {
		ssize_t size = readlinkat(dirfd(names), entry->d_name, target, sizeof(target));

		if (size < 14 || memcmp(target, "anon_inode:bpf", 14))
			continue;
		snprintf(path, sizeof(path), "%sinfo/%s", folder, entry->d_name);
		frame_file("", path);
	}
	if (names)
		closedir(names);
}

static void frame_process(const char *process)
{
	char path[400];

	for (size_t i = 0; i < COUNT(process_files); i++) {
		snprintf(path, sizeof(path), "%s/%s", process, process_files[i]);
		frame_file("", path);
	}
	snprintf(path, sizeof(path), "%s/fd", process);
	frame_links(path, "");
	frame_bpf(path);
	snprintf(path, sizeof(path), "%s/ns", process);
	frame_links(path, "");
	frame_owners(process);
	frame_threads(process);
}

static void frame_processes(void)
{
	DIR *names = opendir("/proc");
	struct dirent *entry;
	char path[300];

	while ((entry = readdir(names)))
		if (isdigit(entry->d_name[0])) {
			snprintf(path, sizeof(path), "/proc/%s", entry->d_name);
			frame_process(path);
		}
	closedir(names);
}

/* All files below a folder that can be read, each a frame; links to elsewhere are left out. */
static void frame_tree(const char *folder)
{
	DIR *names = opendir(folder);
	struct dirent *entry;
	char path[600];

	while (names && (entry = readdir(names))) {
		if (entry->d_name[0] == '.' || entry->d_type == DT_LNK)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR)
			frame_tree(path);
		else
			frame_file("", path);
	}
	if (names)
		closedir(names);
}

/* What sysfs says of each device of a kind: some files, and where its links go. */
static void frame_devices(const char *folder, const char *const *files, size_t count)
{
	DIR *names = opendir(folder);
	struct dirent *entry;
	char path[600];

	while (names && (entry = readdir(names))) {
		if (entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < count; i++) {
			snprintf(path, sizeof(path), "%s/%s/%s", folder, entry->d_name, files[i]);
			frame_file("", path);
		}
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		frame_links(path, "/links");
	}
	if (names)
		closedir(names);
}

static const char *const pci_files[] = { "class", "vendor", "device", "subsystem_vendor", "subsystem_device",
					 "revision", "irq", "enable", "numa_node", "resource", "power_state",
					 "current_link_speed", "max_link_speed", "current_link_width" };
static const char *const virtio_files[] = { "device", "vendor", "status", "features" };
static const char *const cpu_files[] = { "topology/physical_package_id", "topology/core_id", "topology/die_id",
					 "topology/thread_siblings_list", "topology/core_siblings_list",
					 "microcode/version", "online" };
static const char *const node_files[] = { "cpulist", "distance", "meminfo", "numastat" };

static void frame_hardware(void)
{
	frame_devices("/sys/bus/pci/devices", pci_files, COUNT(pci_files));
	frame_devices("/sys/bus/virtio/devices", virtio_files, COUNT(virtio_files));
	frame_devices("/sys/bus/cpu/devices", cpu_files, COUNT(cpu_files));
	frame_devices("/sys/bus/node/devices", node_files, COUNT(node_files));
	frame_file("", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	frame_file("", "/sys/kernel/security/lsm");
	frame_file("", "/sys/kernel/security/lockdown");
}

/* The wall clock at the frame's own uptime, in seconds since the epoch. */
static void frame_clock(void)
{
	struct timespec now;
	struct buffer body = { 0 };
	char text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	append(&body, text, snprintf(text, sizeof(text), "%.6f\n", now.tv_sec + now.tv_nsec / 1e9));
	frame("clock", &body, 0, uptime());
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
	close(fd);
}

/*
 * finish [sysrq]: collects what changes, writes it, and dies at once if told to.
 *
 * Slow things come first, counters and sockets last; nothing is written before all is collected.
 */
int main_finish(int argc, char **argv)
{
	struct buffer none = { 0 };
	double start = uptime();

	must(argc == 1 || !strcmp(argv[1], "sysrq"), "finish [sysrq]");
	set_comm("finish");
	frame_processes();
	frame_tree("/dev/mqueue");
	frame_tree("/run/cgroup");
	frame_tree("/sys/fs/cgroup");
	frame_hardware();
	for (size_t i = 0; i < COUNT(system_files); i++) {
		char path[128];

		snprintf(path, sizeof(path), "/proc/%s", system_files[i]);
		frame_file("", path);
	}
	frame_all_nets();
	frame_clock();
	frame("collected", &none, 0, start);
	append(&pending, "END\n", 4);
	flush();
	must(fsync(DISK) == 0, "fsync of the truth");
	if (argc == 1)
		return 0;
	put("/proc/sysrq-trigger", "c");
	rest();
}
