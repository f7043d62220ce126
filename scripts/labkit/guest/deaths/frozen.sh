scene() {
	disk 8
	mount -t ext4 /dev/loop0 /mnt
	for number in 1 2 3; do
		: >/mnt/file-$number
	done
	fsfreeze --freeze /mnt
	for number in 1 2 3; do
		actor lab-writer-$number text /mnt/file-$number
	done
	stuck lab-writer-1 lab-writer-2 lab-writer-3
}

death() {
	: # the kernel notices by itself
}
