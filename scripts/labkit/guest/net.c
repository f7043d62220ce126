/* Sockets in a few words. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"

/* The code point whose packets the guest's firewall drops; see scene/30-queues.sh. */
enum { DROPPED_TOS = 0x3f << 2 };

union address address(const char *text, int port)
{
	union address result = { 0 };

	if (strchr(text, ':')) {
		result.v6.sin6_family = AF_INET6;
		result.v6.sin6_port = htons(port);
		must(inet_pton(AF_INET6, text, &result.v6.sin6_addr) == 1, text);
	} else {
		result.v4.sin_family = AF_INET;
		result.v4.sin_port = htons(port);
		must(inet_pton(AF_INET, text, &result.v4.sin_addr) == 1, text);
	}
	return result;
}

socklen_t size_of(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

void set_int(int fd, int level, int option, int value)
{
	must(setsockopt(fd, level, option, &value, sizeof(value)) == 0, "setsockopt");
}

int bound(int type, int protocol, const char *text, int port)
{
	union address local = address(text, port);
	int fd = socket(local.any.sa_family, type, protocol);

	must(fd >= 0, "socket");
	if ((type & 0xf) != SOCK_RAW)
		set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(bind(fd, &local.any, size_of(&local)) == 0, "bind");
	return fd;
}

int listening(const char *text, int port, int backlog)
{
	int fd = bound(SOCK_STREAM, 0, text, port);

	must(listen(fd, backlog) == 0, "listen");
	return fd;
}

int dialled(int type, const char *text, int port)
{
	union address remote = address(text, port);
	int fd = socket(remote.any.sa_family, type, 0);

	must(fd >= 0, "socket");
	must(connect(fd, &remote.any, size_of(&remote)) == 0 || errno == EINPROGRESS, "connect");
	return fd;
}

struct pair connected(int listener, const char *text, int port)
{
	struct pair pair;

	pair.near = dialled(SOCK_STREAM, text, port);
	pair.far = accept(listener, NULL, NULL);
	must(pair.far >= 0, "accept");
	return pair;
}

void silence(int fd)
{
	int family;
	socklen_t size = sizeof(family);

	must(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0, "SO_DOMAIN");
	if (family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, DROPPED_TOS);
	else
		set_int(fd, IPPROTO_IP, IP_TOS, DROPPED_TOS);
}
