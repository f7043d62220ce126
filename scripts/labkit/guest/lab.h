/* What the parts of the guest's program share. */
#ifndef LAB_H
#define LAB_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* Ends the program with a message unless ok. */
void must(int ok, const char *what);

/* Says on the console, once, that something optional didn't work here. */
void skip(const char *what);

/* Sleeps until killed. */
void rest(void) __attribute__((noreturn));

/* Names the calling process; text that isn't a C word is what ps has to live with. */
void set_comm(const char *name);

/* Starts a child that calls body(arg) and then rests; returns its pid once body is through. */
int spawn(void (*body)(void *), void *arg);

/* Enters a network namespace that `ip netns` named. */
void enter_netns(const char *name);

/* An IPv4 or IPv6 socket address. */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

union address address(const char *text, int port);
socklen_t size_of(const union address *address);

/* A socket bound to an address; type may carry SOCK_NONBLOCK. */
int bound(int type, int protocol, const char *text, int port);

/* A listening TCP socket. */
int listening(const char *text, int port, int backlog);

/* A TCP or UDP socket that was told to connect; nonblocking ones may still be at it. */
int dialled(int type, const char *text, int port);

/* Both ends of an established TCP connection to a listener of this process. */
struct pair {
	int near, far;
};
struct pair connected(int listener, const char *text, int port);

void set_int(int fd, int level, int option, int value);

/* From now on the firewall drops what this socket sends. */
void silence(int fd);

int main_frame(int argc, char **argv);
int main_finish(int argc, char **argv);
int main_connections(int argc, char **argv);
int main_tcp(int argc, char **argv);
int main_sockets(int argc, char **argv);
int main_routes(int argc, char **argv);
int main_processes(int argc, char **argv);
int main_members(int argc, char **argv);
int main_act(int argc, char **argv);
int main_reader(int argc, char **argv);
int main_syncer(int argc, char **argv);
int main_dirsyncer(int argc, char **argv);
int main_locker(int argc, char **argv);
int main_silent(int argc, char **argv);
int main_eat(int argc, char **argv);
int main_opener(int argc, char **argv);
int main_forker(int argc, char **argv);
int main_zombies(int argc, char **argv);
int main_crowd(int argc, char **argv);
int main_shutdown(int argc, char **argv);
int main_dm(int argc, char **argv);
int main_bpf(int argc, char **argv);
int main_keys(int argc, char **argv);
int main_audit(int argc, char **argv);
int main_kvm(int argc, char **argv);
int main_futexes(int argc, char **argv);
int main_peers(int argc, char **argv);

#endif
