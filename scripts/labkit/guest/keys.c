/* Keys and keyrings of several types, and in several states. */
#define _GNU_SOURCE
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

static int key(const char *type, const char *description, const char *content, int ring)
{
	size_t size = content ? strlen(content) : 0;
	int serial = (int)syscall(SYS_add_key, type, description, content, size, ring);

	must(serial > 0, description);
	return serial;
}

/* keys NAME: has a session with a keyring and keys: one that expires, one that was revoked. */
int main_keys(int argc, char **argv)
{
	int ring;

	must(argc == 2, "keys NAME");
	set_comm(argv[1]);
	must(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "lab_session") > 0, "a session's keyring");
	ring = key("keyring", "lab_ring", NULL, KEY_SPEC_SESSION_KEYRING);
	key("user", "lab_user", "secret", ring);
	key("logon", "lab:logon", "hidden", ring);
	must(syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key("user", "lab_timed", "soon", ring), 7200) == 0,
	     "a timeout");
	must(syscall(SYS_keyctl, KEYCTL_REVOKE, key("user", "lab_revoked", "gone", ring)) == 0, "revoke");
	rest();
}
