"""crash on another host, over ssh: the dump and its vmlinux stay there (docs/remote.md)."""
