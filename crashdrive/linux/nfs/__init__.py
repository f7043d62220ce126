"""NFS and the remote procedure calls (SUNRPC) below it: client, server, locks."""
