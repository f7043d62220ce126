scene() {
	disk 8
	mount -t ext4 /dev/loop0 /mnt
	echo "before" >/mnt/before
	labguest shutdown /mnt
	echo "after" >/mnt/after
	sync
}

death() {
	sysrq c
}
