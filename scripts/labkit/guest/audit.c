/* What the kernel's audit says of itself, as auditctl -s would print it. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"

static int ask(int fd, int type, const void *body, size_t size)
{
	struct {
		struct nlmsghdr head;
		char body[512];
	} message = { .head = { .nlmsg_len = NLMSG_LENGTH(size), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST } };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	memcpy(NLMSG_DATA(&message.head), body, size);
	return sendto(fd, &message, message.head.nlmsg_len, 0, (void *)&kernel, sizeof(kernel)) > 0;
}

/* audit: switches it on, sets limits, and prints its state. */
int main_audit(int argc, char **argv)
{
	struct audit_status wanted = {
		.mask = AUDIT_STATUS_ENABLED | AUDIT_STATUS_FAILURE | AUDIT_STATUS_BACKLOG_LIMIT | AUDIT_STATUS_RATE_LIMIT,
		.enabled = 1, .failure = 1, .backlog_limit = 640, .rate_limit = 77,
	}, *told;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	char answer[2048];
	struct nlmsghdr *head = (void *)answer;

	(void)argc, (void)argv;
	must(access("/lab", F_OK) == 0, "audit is for the guest alone");
	must(fd >= 0, "audit's socket");
	must(ask(fd, AUDIT_SET, &wanted, sizeof(wanted)), "set audit");
	must(ask(fd, AUDIT_GET, "", 0), "ask audit");
	do
		must(recv(fd, answer, sizeof(answer), 0) > 0, "audit's answer");
	while (head->nlmsg_type != AUDIT_GET);
	told = NLMSG_DATA(head);
	printf("enabled %u\nfailure %u\npid %u\nrate_limit %u\nbacklog_limit %u\nlost %u\nbacklog %u\n",
	       told->enabled, told->failure, told->pid, told->rate_limit, told->backlog_limit, told->lost,
	       told->backlog);
	return 0;
}
