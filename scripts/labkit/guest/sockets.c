/* Sockets of all families but TCP. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab.h"

static void shoot(int type, int protocol, const char *text, int port, int times)
{
	union address to = address(text, port);
	int fd = socket(to.any.sa_family, type, protocol);

	for (int i = 0; i < times; i++)
		sendto(fd, "datagram", 8, 0, &to.any, size_of(&to));
	close(fd);
}

static void join(int fd, const char *group, const char *device)
{
	struct ip_mreqn v4 = { .imr_ifindex = if_nametoindex(device) };
	struct ipv6_mreq v6 = { .ipv6mr_interface = if_nametoindex(device) };
	int result;

	if (inet_pton(AF_INET, group, &v4.imr_multiaddr) == 1) {
		result = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4));
	} else {
		inet_pton(AF_INET6, group, &v6.ipv6mr_multiaddr);
		result = setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &v6, sizeof(v6));
	}
	must(result == 0, "join a group");
}

static void udp(void *arg)
{
	int fd;

	(void)arg;
	set_comm("udp");
	bound(SOCK_DGRAM, 0, "0.0.0.0", 5353);
	fd = bound(SOCK_DGRAM, 0, "0.0.0.0", 5353);
	join(fd, "224.0.0.251", "veth0");
	join(fd, "239.1.2.3", "dummy0");
	fd = bound(SOCK_DGRAM, 0, "::", 5354);
	join(fd, "ff02::fb", "veth0");
	join(fd, "ff15::1234", "dummy0");
	bound(SOCK_DGRAM, 0, "127.0.0.1", 5000);
	shoot(SOCK_DGRAM, 0, "127.0.0.1", 5000, 3);
	bound(SOCK_DGRAM, 0, "::1", 5000);
	shoot(SOCK_DGRAM, 0, "::1", 5000, 2);
	fd = bound(SOCK_DGRAM, 0, "127.0.0.1", 5001); /* overflows: drops */
	set_int(fd, SOL_SOCKET, SO_RCVBUF, 2304);
	shoot(SOCK_DGRAM, 0, "127.0.0.1", 5001, 20);
	dialled(SOCK_DGRAM, "127.0.0.1", 5000);
	dialled(SOCK_DGRAM, "::1", 5000);
	dialled(SOCK_DGRAM, "::ffff:127.0.0.1", 5000);
	dialled(SOCK_DGRAM, "10.1.0.2", 9);
	fd = bound(SOCK_DGRAM, 0, "0.0.0.0", 5002);
	must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "veth0", 6) == 0, "SO_BINDTODEVICE");
	fd = dialled(SOCK_DGRAM, "127.0.0.1", 5000); /* unsent */
	set_int(fd, IPPROTO_UDP, UDP_CORK, 1);
	must(send(fd, "corked", 6, 0) == 6, "send");
	must(socket(AF_INET, SOCK_DGRAM, 0) >= 0, "an unbound socket");
}

static void udplite(void *arg)
{
	(void)arg;
	set_comm("udplite");
	if (socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE) < 0) {
		skip("UDP-Lite");
		return;
	}
	bound(SOCK_DGRAM, IPPROTO_UDPLITE, "127.0.0.1", 5100);
	bound(SOCK_DGRAM, IPPROTO_UDPLITE, "::1", 5100);
	bound(SOCK_DGRAM, IPPROTO_UDPLITE, "0.0.0.0", 5101);
	shoot(SOCK_DGRAM, IPPROTO_UDPLITE, "127.0.0.1", 5100, 2);
}

static void raw(void *arg)
{
	union address to = address("127.0.0.1", 0), to6 = address("::1", 0);
	int fd;

	(void)arg;
	set_comm("raw");
	must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0, "raw");
	fd = bound(SOCK_RAW, 89, "127.0.0.1", 0);
	must(connect(fd, &to.any, size_of(&to)) == 0, "connect raw");
	must(send(fd, "to myself", 9, 0) == 9, "send raw");
	must(socket(AF_INET, SOCK_RAW, IPPROTO_RAW) >= 0, "raw");
	must(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) >= 0, "raw6");
	fd = bound(SOCK_RAW, 89, "::1", 0);
	must(connect(fd, &to6.any, size_of(&to6)) == 0, "connect raw6");
	must(socket(AF_INET6, SOCK_RAW, IPPROTO_RAW) >= 0, "raw6");
	bound(SOCK_DGRAM, IPPROTO_ICMP, "127.0.0.1", 77); /* ping sockets */
	must(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0, "ping");
	bound(SOCK_DGRAM, IPPROTO_ICMPV6, "::1", 78);
}

/* The first piece of a datagram whose rest never comes: it waits for reassembly. */
static void fragment(void *arg)
{
	union address to = address("127.0.0.1", 0);
	struct {
		struct iphdr head;
		char data[64];
	} packet = { .head = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
			       .id = htons(4711), .frag_off = htons(IP_MF) } };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	(void)arg;
	set_comm("fragment");
	packet.head.saddr = packet.head.daddr = htonl(INADDR_LOOPBACK);
	if (sendto(fd, &packet, sizeof(packet), 0, &to.any, size_of(&to)) < 0)
		skip("a fragment");
}

/* The same of IPv6: connection tracking holds it, not IPv6 itself. */
static void fragment6(void *arg)
{
	union address to = address("::1", 0);
	struct {
		struct ip6_hdr head;
		struct ip6_frag part;
		char data[64];
	} packet = { .head = { .ip6_dst = IN6ADDR_LOOPBACK_INIT, .ip6_src = IN6ADDR_LOOPBACK_INIT },
		     .part = { .ip6f_nxt = IPPROTO_UDP, .ip6f_offlg = IP6F_MORE_FRAG, .ip6f_ident = 4711 } };
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);

	(void)arg;
	set_comm("fragment6");
	packet.head.ip6_flow = htonl(6u << 28);
	packet.head.ip6_plen = htons(sizeof(packet) - sizeof(packet.head));
	packet.head.ip6_nxt = IPPROTO_FRAGMENT;
	packet.head.ip6_hlim = 64;
	if (sendto(fd, &packet, sizeof(packet), 0, &to.any, size_of(&to)) < 0)
		skip("a fragment of IPv6");
}

static socklen_t unix_address(struct sockaddr_un *address, const char *name, size_t size)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, size);
	return offsetof(struct sockaddr_un, sun_path) + size;
}

static int unix_bound(int type, const char *name, size_t size)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, name, size);
	int fd = socket(AF_UNIX, type, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0, "bind a unix socket");
	return fd;
}

static int unix_dialled(int type, const char *name, size_t size)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, name, size);
	int fd = socket(AF_UNIX, type, 0);

	must(fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0, "connect a unix socket");
	return fd;
}

/* A name with its terminating zero, as bind(2) has it; an abstract one without. */
#define NAME(text) text, sizeof(text)
#define ABSTRACT(text) "\0" text, sizeof(text)

static void pass_descriptor(int through, int passed)
{
	char space[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space,
				  .msg_controllen = sizeof(space) };
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &passed, sizeof(int));
	must(sendmsg(through, &message, 0) == 1, "pass a descriptor");
}

static void unix_stream(void *arg)
{
	int fd, ends[2];

	(void)arg;
	set_comm("unix");
	fd = unix_bound(SOCK_STREAM, NAME("/tmp/stream.sock"));
	must(listen(fd, 5) == 0, "listen");
	unix_dialled(SOCK_STREAM, NAME("/tmp/stream.sock"));
	must(accept(fd, NULL, NULL) >= 0, "accept");
	must(send(unix_dialled(SOCK_STREAM, NAME("/tmp/stream.sock")), "hello", 5, 0) == 5, "send");
	unix_dialled(SOCK_STREAM, NAME("/tmp/stream.sock")); /* these two nobody accepts */
	fd = unix_bound(SOCK_STREAM, ABSTRACT("abstract"));
	must(listen(fd, 5) == 0, "listen");
	unix_bound(SOCK_STREAM, ABSTRACT("we\x01ird\n\x1b[31m [red] \xff name"));
	unix_bound(SOCK_STREAM, ABSTRACT("inner\0zero"));
	unix_bound(SOCK_STREAM, NAME("/mnt/with space/[bold] \"x\" \x1b[0m.sock"));
	unix_bound(SOCK_STREAM, NAME("/tmp/gone.sock"));
	unlink("/tmp/gone.sock");
	fd = unix_bound(SOCK_SEQPACKET, NAME("/tmp/seqpacket.sock"));
	must(listen(fd, 5) == 0, "listen");
	unix_dialled(SOCK_SEQPACKET, NAME("/tmp/seqpacket.sock"));
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	must(send(ends[0], "unread", 6, 0) == 6, "send");
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	fd = bound(SOCK_DGRAM, 0, "127.0.0.1", 5003); /* held by a message only */
	pass_descriptor(ends[0], fd);
	close(fd);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	shutdown(ends[0], SHUT_WR);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	close(ends[1]);
}

static void unix_datagram(void *arg)
{
	int fd, ends[2];

	(void)arg;
	set_comm("unix dgram");
	unix_bound(SOCK_DGRAM, NAME("/tmp/dgram.sock"));
	fd = unix_dialled(SOCK_DGRAM, NAME("/tmp/dgram.sock"));
	must(send(fd, "datagram", 8, 0) == 8, "send");
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0, "socketpair");
	must(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0, "an unbound socket");
}

static void packets(void *arg)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	/* blocks are whole pages, which ppc64 has of 64 KiB */
	unsigned page = sysconf(_SC_PAGESIZE);
	struct tpacket_req ring = { .tp_block_size = page, .tp_block_nr = 2, .tp_frame_size = 2048,
				    .tp_frame_nr = 2 * (page / 2048) };
	int fd;

	(void)arg;
	set_comm("packet");
	must(socket(AF_PACKET, SOCK_RAW, 0) >= 0, "a silent packet socket");
	must(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) >= 0, "packet");
	fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP));
	to.sll_protocol = htons(ETH_P_ARP);
	to.sll_ifindex = if_nametoindex("veth0");
	must(bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "bind a packet socket");
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	must(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) == 0, "ring");
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IPV6));
	set_int(fd, SOL_PACKET, PACKET_FANOUT, 7);
}

static int netlink(int protocol, int group, unsigned int port)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_pid = port };
	int fd = socket(AF_NETLINK, SOCK_RAW, protocol);

	if (fd < 0) {
		skip("a netlink protocol");
		return -1;
	}
	must(bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0, "bind netlink");
	if (group && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		skip("a netlink group");
	return fd;
}

static void netlinks(void *arg)
{
	int fd;

	(void)arg;
	set_comm("netlink");
	fd = netlink(NETLINK_ROUTE, RTNLGRP_LINK, 0);
	set_int(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEIGH);
	set_int(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_MDB);
	set_int(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEXTHOP);
	netlink(NETLINK_ROUTE, 0, 123456);
	netlink(NETLINK_KOBJECT_UEVENT, 1, 0);
	netlink(NETLINK_GENERIC, 1, 0);
	netlink(NETLINK_NETFILTER, 1, 0);
	netlink(NETLINK_SOCK_DIAG, 1, 0);
	netlink(NETLINK_XFRM, 1, 0);
	netlink(NETLINK_AUDIT, 0, 0);
	must(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE) >= 0, "netlink without a port");
}

static void in_red(void *arg)
{
	(void)arg;
	set_comm("red sockets");
	enter_netns("red");
	bound(SOCK_DGRAM, 0, "0.0.0.0", 5353);
	bound(SOCK_DGRAM, 0, "::", 5354);
	must(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) >= 0, "packet");
	must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0, "raw");
	unix_bound(SOCK_DGRAM, ABSTRACT("red only"));
	netlink(NETLINK_ROUTE, RTNLGRP_LINK, 0);
}

int main_sockets(int argc, char **argv)
{
	void (*const bodies[])(void *) = { udp,	     udplite,	    raw,       unix_stream, fragment,
					   fragment6, unix_datagram, packets, netlinks, in_red };

	(void)argc, (void)argv;
	set_comm("sockets");
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		spawn(bodies[i], NULL);
	printf("LAB READY\n");
	fflush(stdout);
	rest();
}
