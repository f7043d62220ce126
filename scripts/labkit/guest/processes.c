/* Processes in every state, with odd names, and with things of all kinds open. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

/* Names that break parsers: quotes, control characters, look-alikes of crash's own output. */
static const char *const odd_names[] = {
	"it's \"quoted\"", "\x1b[31mred", "ps: foo", "crash> ", "[red]x[/red]", "line\nbreak",
	"x) S 1 (y", "\xc3\xbcml\xc3\xa4ut", "tab\there", " leading", "trailing ", "", "bad\xff" "byte",
	"123456789012345", "<b>&amp;</b>", "-dash", "a  b", "$(id)`id`|;>x", "COMMAND:", "#0 [", "\\n\\x41",
};

static void odd(void *arg)
{
	set_comm(arg);
}

static void forked_off(void (*body)(void))
{
	int pid = fork();

	must(pid >= 0, "fork");
	if (pid)
		return;
	body();
	rest();
}

static void spin(void)
{
	set_comm("spinner");
	must(nice(19) != -1 || errno == 0, "nice");
	for (volatile unsigned long turns = 0;; turns++)
		;
}

/* The parent of a vfork child sleeps uninterruptibly until the child is through. */
static void uninterruptible(void)
{
	set_comm("d-state");
	if (vfork() == 0) {
		for (;;)
#ifdef SYS_pause
			syscall(SYS_pause);
#else /* arm64 has only newer calls */
			pause();
#endif
	}
}

static void zombies(void *arg)
{
	(void)arg;
	set_comm("zombie maker");
	for (int i = 0; i < 3; i++) {
		int pid = fork();

		if (pid == 0) {
			set_comm("zombie");
			if (i == 2)
				raise(SIGKILL);
			_exit(i);
		}
		siginfo_t info;
		waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	}
}

static void stopped(void *arg)
{
	int pid = fork(), status;

	(void)arg;
	if (pid == 0) {
		set_comm("stopped");
		raise(SIGSTOP);
		rest();
	}
	waitpid(pid, &status, WUNTRACED);
	pid = fork();
	if (pid == 0) {
		set_comm("traced");
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		rest();
	}
	waitpid(pid, &status, WUNTRACED);
	set_comm("tracer");
}

static void *thread(void *arg)
{
	prctl(PR_SET_NAME, arg);
	rest();
}

static void *futex_waiter(void *arg)
{
	static int word;

	prctl(PR_SET_NAME, "futex waiter");
	syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	return arg;
}

static void threads(void *arg)
{
	static const char *const names[] = { "worker 1", "worker 2", "[worker]", "threads" };
	pthread_t id;

	(void)arg;
	set_comm("threads");
	for (int i = 0; i < 4; i++)
		must(pthread_create(&id, NULL, thread, (void *)names[i]) == 0, "thread");
	must(pthread_create(&id, NULL, futex_waiter, NULL) == 0, "thread");
	usleep(20000);
}

/* A process whose first thread has ended, while others live. */
static void *outlive(void *arg)
{
	return thread(arg);
}

static void leaderless(void)
{
	pthread_t id;

	set_comm("leader gone");
	must(pthread_create(&id, NULL, outlive, "survivor") == 0, "thread");
	pthread_exit(NULL);
}

static void scheduling(void *arg)
{
	static const struct {
		int policy, priority;
		const char *name;
	} kinds[] = { { SCHED_FIFO, 10, "fifo" }, { SCHED_RR, 20, "rr" }, { SCHED_BATCH, 0, "batch" },
		      { SCHED_IDLE, 0, "idle" } };

	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct sched_param parameter = { kinds[i].priority };
		cpu_set_t cpus;

		if (fork())
			continue;
		set_comm(kinds[i].name);
		CPU_ZERO(&cpus);
		CPU_SET(0, &cpus);
		sched_setaffinity(0, sizeof(cpus), &cpus);
		if (sched_setscheduler(0, kinds[i].policy, &parameter))
			skip("a scheduling policy");
		rest();
	}
	set_comm("scheduling");
	must(nice(-5) != -1 || errno == 0, "nice");
}

static void handler(int number)
{
	(void)number;
}

static void signals(void *arg)
{
	sigset_t set;
	union sigval value = { .sival_int = 42 };

	(void)arg;
	set_comm("signals");
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, handler);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	kill(getpid(), SIGTERM);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 3, value);
}

static void timers(void *arg)
{
	struct itimerspec hour = { .it_value.tv_sec = 3600, .it_interval.tv_sec = 60 };
	struct itimerval later = { .it_value.tv_sec = 1800 };
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	(void)arg;
	set_comm("timers");
	must(timer_create(CLOCK_MONOTONIC, &none, &timer) == 0, "timer_create");
	must(timer_settime(timer, 0, &hour, NULL) == 0, "timer_settime");
	must(timer_create(CLOCK_REALTIME, NULL, &timer) == 0, "timer_create");
	must(timer_settime(timer, 0, &hour, NULL) == 0, "timer_settime");
	must(setitimer(ITIMER_REAL, &later, NULL) == 0, "setitimer");
	must(setitimer(ITIMER_VIRTUAL, &later, NULL) == 0, "setitimer");
	alarm(0);
	must(timerfd_settime(timerfd_create(CLOCK_BOOTTIME, 0), 0, &hour, NULL) == 0, "timerfd");
}

static void files(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ends[2], fd, watch;
	sigset_t set;

	(void)arg;
	set_comm("files");
	must(mkdir("/tmp/odd [dir]", 0755) == 0, "mkdir");
	must(chdir("/tmp/odd [dir]") == 0, "chdir");
	must(open("plain", O_RDWR | O_CREAT | O_APPEND, 0640) >= 0, "open");
	must(open("new\nline \x1b[1mbold", O_WRONLY | O_CREAT, 0600) >= 0, "open");
	fd = open("deleted", O_RDWR | O_CREAT, 0600);
	must(write(fd, "data", 4) == 4 && unlink("deleted") == 0, "unlink");
	must(open("/mnt/ext4/file", O_RDONLY) >= 0 || errno == ENOENT, "open");
	must(open("/proc/self/maps", O_RDONLY) >= 0, "open");
	must(open("/dev/null", O_RDWR) >= 0 && open("/tmp", O_RDONLY | O_DIRECTORY) >= 0, "open");
	must(open("/etc", O_PATH) >= 0 || 1, "open");
	must(pipe(ends) == 0 && write(ends[1], "in the pipe", 11) == 11, "pipe");
	must(mkfifo("fifo", 0600) == 0 && open("fifo", O_RDWR) >= 0, "fifo");
	must(fcntl(memfd_create("memory [file]", 0), F_SETFD, 0) == 0, "memfd");
	fd = eventfd(3, 0);
	watch = epoll_create1(0);
	must(epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
	must(epoll_ctl(watch, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
	must(inotify_add_watch(inotify_init(), "/tmp", IN_CREATE) >= 0, "inotify");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(signalfd(-1, &set, 0) >= 0, "signalfd");
	must(open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0, "ptmx");
	must(dup2(fd, 200) == 200, "dup2");
}

static void locks(void *arg)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
	int fd = open("/tmp/locked", O_RDWR | O_CREAT, 0600), other;

	(void)arg;
	set_comm("locks");
	must(fcntl(fd, F_SETLK, &range) == 0, "a POSIX lock");
	other = open("/tmp/flocked", O_RDWR | O_CREAT, 0600);
	must(flock(other, LOCK_EX) == 0, "flock");
	range.l_start = 100;
	range.l_type = F_RDLCK;
	must(fcntl(open("/tmp/locked", O_RDWR), F_OFD_SETLK, &range) == 0, "an OFD lock");
	must(fcntl(open("/tmp/leased", O_RDONLY | O_CREAT, 0600), F_SETLEASE, F_RDLCK) == 0, "lease");
	if (fork() == 0) {
		set_comm("lock waiter");
		flock(open("/tmp/flocked", O_RDWR), LOCK_EX);
	}
	if (fork() == 0) {
		set_comm("range waiter");
		range.l_type = F_WRLCK;
		range.l_start = 10;
		fcntl(open("/tmp/locked", O_RDWR), F_SETLKW, &range);
	}
}

static void ipc(void *arg)
{
	struct {
		long type;
		char text[16];
	} message = { 1, "queued" };
	struct mq_attr attributes = { .mq_maxmsg = 4, .mq_msgsize = 64 };
	struct sembuf take = { 1, -1, 0 };
	int id;
	mqd_t queue;

	(void)arg;
	set_comm("ipc");
	id = shmget(0x1234, 65536, IPC_CREAT | 0640);
	memset(shmat(id, NULL, 0), 's', 5000);
	shmctl(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), IPC_RMID, NULL);
	id = msgget(0x2345, IPC_CREAT | 0620);
	must(msgsnd(id, &message, 7, 0) == 0 && msgsnd(id, &message, 3, 0) == 0, "msgsnd");
	id = semget(0x3456, 3, IPC_CREAT | 0600);
	must(semctl(id, 0, SETVAL, 5) == 0, "semctl");
	queue = mq_open("/lab-queue", O_RDWR | O_CREAT, 0600, &attributes);
	must(queue >= 0 && mq_send(queue, "posted", 6, 2) == 0, "mq_send");
	if (fork() == 0) {
		set_comm("sem waiter");
		semop(id, &take, 1);
	}
}

static void memory(void *arg)
{
	size_t size = 4 << 20;
	char *area;

	(void)arg;
	set_comm("memory");
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 'm', size / 2);
	mprotect(area, 4096, PROT_READ);
	must(mlock(area + 8192, 65536) == 0, "mlock");
	area = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (area == MAP_FAILED)
		skip("a huge page");
	else
		area[0] = 1;
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(area, 'h', size / 4);
	madvise(area, size, MADV_PAGEOUT); /* gives swap something to hold */
}

static void inner(void *arg)
{
	(void)arg;
	if (getpid() == 1)
		set_comm("inner init");
	sethostname("inner-host", 10);
	mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	if (fork() == 0) {
		set_comm("inner child");
		rest();
	}
}

/* Pid, mount, UTS and IPC namespaces, one inside the other. */
static void nested(void)
{
	set_comm("container");
	must(unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) == 0,
	     "unshare");
	if (fork() == 0) {
		inner(NULL);
		must(unshare(CLONE_NEWPID) == 0, "unshare");
		if (fork() == 0)
			inner(NULL);
	}
}

static void another_user(void)
{
	int fd;

	set_comm("user 1000");
	must(setgid(1000) == 0 && setuid(1000) == 0, "setuid");
	prctl(PR_SET_DUMPABLE, 1); /* or /proc/self belongs to root */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		skip("a user namespace");
		return;
	}
	fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0 || write(fd, "0 1000 1", 8) != 8)
		skip("uid_map");
}

static void in_cgroup(void)
{
	int fd = open("/sys/fs/cgroup/lab/inner/cgroup.procs", O_WRONLY);

	set_comm("in a cgroup");
	if (fd < 0 || write(fd, "0", 1) != 1)
		skip("a cgroup");
	must(chroot("/mnt") == 0 && chdir("/") == 0, "chroot");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void orphaned(void)
{
	setsid();
	set_comm("orphan");
}

static void long_arguments(void)
{
	execl("/usr/bin/labguest", "with spaces", "rest", "a \"quoted\" [red] argument", "line\nbreak",
	      "\x1b[31m", "--option=value", (char *)NULL);
	skip("exec");
}

int main_processes(int argc, char **argv)
{
	static void (*const settled[])(void *) = { zombies, stopped, threads, scheduling, signals,
						   timers,  files,   locks,   ipc,	  memory };
	static void (*const loose[])(void) = { spin, uninterruptible, leaderless, nested,
					       another_user, in_cgroup, orphaned, long_arguments };

	(void)argc, (void)argv;
	set_comm("processes");
	for (size_t i = 0; i < sizeof(odd_names) / sizeof(odd_names[0]); i++)
		spawn(odd, (void *)odd_names[i]);
	for (size_t i = 0; i < sizeof(settled) / sizeof(settled[0]); i++)
		spawn(settled[i], NULL);
	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++)
		forked_off(loose[i]);
	usleep(300000);
	printf("LAB READY\n");
	fflush(stdout);
	rest();
}
