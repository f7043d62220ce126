scene() {
	disk 8
	# Good for 4 seconds, then it fails for good.
	labguest dm create lab-disk 16384 flakey "/dev/loop0 0 4 10000"
	mount -t ext4 -o errors=remount-ro /dev/dm-0 /mnt
	echo "before" >/mnt/before
	sync
	sleep 5
	for number in 1 2 3; do
		echo "after" >/mnt/after-$number
		sync
	done 2>/dev/null
	cat /mnt/before >/dev/null 2>&1
	ls -R /mnt >/dev/null 2>&1
	sleep 1
}

death() {
	sysrq c
}
