scene() {
	disk 8
	labguest dm create lab-disk 16384 linear "/dev/loop0 0"
	losetup /dev/loop1 /dev/dm-0
	# A disk with a partition of 2 MB that begins at sector 2048, read-only.
	dd if=/dev/zero of=/tmp/parted bs=1M count=4 2>/dev/null
	printf '\000\000\000\000\203\000\000\000\000\010\000\000\000\020\000\000' |
		dd of=/tmp/parted bs=1 seek=446 conv=notrunc 2>/dev/null
	printf '\125\252' | dd of=/tmp/parted bs=1 seek=510 conv=notrunc 2>/dev/null
	losetup -r -P /dev/loop2 /tmp/parted
	until test -b /dev/loop2p1; do sleep 0.1; done
	dd if=/dev/loop2p1 of=/dev/null bs=4k count=16 2>/dev/null
	labguest dm suspend lab-disk
	# Its request is with the driver of loop1, whose own read waits for lab-disk.
	labguest reader lab-reader /dev/loop1 9>&- &
	stuck lab-reader
	sleep 4
}

death() {
	sysrq c
}
