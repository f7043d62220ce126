# A server of NFS without mountd: what that would answer is in the caches before anybody asks.
served() { # CACHE LINE
	printf '%s\n' "$2" >"/proc/net/rpc/$1/channel" || say "FAILED: $1"
}

scene() {
	mkdir -p /export
	disk 8
	mount -t ext4 /dev/loop0 /export
	echo lab >/export/file
	echo lab >/export/other
	mount -t nfsd nfsd /proc/fs/nfsd
	echo 10 >/proc/fs/nfsd/nfsv4leasetime
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	echo "-2 -3 +4" >/proc/fs/nfsd/versions
	echo "tcp 2049" >/proc/fs/nfsd/portlist
	echo 2 >/proc/fs/nfsd/threads
	served auth.unix.ip "nfsd 127.0.0.1 2147483647 lab"
	served auth.unix.ip "nfsd 192.0.2.7 2147483647 other"
	served auth.unix.gid "0 2147483647 2 0 10"
	# insecure, no_subtree_check, fsid=0; without squashing
	served nfsd.export "lab /export 2147483647 9218 65534 65534 0"
	served nfsd.fh 'lab 1 \x00000000 2147483647 /export'
	mount -t nfs4 -o addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.1,hard 127.0.0.1:/ /mnt 9>&-
	cat /mnt/file
	# As long as the server is in its grace period nobody is given a lock.
	labguest locker lab-locker /mnt/file 9>&- &
	until grep -qx lab-locked /proc/[0-9]*/comm 2>/dev/null; do sleep 0.1; done
	fsfreeze --freeze /export
	labguest act lab-writer /mnt/other go 9>&- &
	mkdir /mnt/folder 9>&- &
	stuck nfsd
	sleep 4
}

death() {
	sysrq c
}
