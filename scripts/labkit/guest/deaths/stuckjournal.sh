scene() {
	disk 8
	labguest dm create lab-disk 16384 linear "/dev/loop0 0"
	# Without the thread that prepares block groups: it would read, and hang too.
	mount -t ext4 -o noinit_itable,no_prefetch_block_bitmaps /dev/dm-0 /mnt
	sync
	# What is read now isn't read later; the journal has five seconds until it commits by itself.
	mkdir /mnt/made
	labguest dm hold lab-disk
	for number in 1 2; do
		labguest dirsyncer lab-syncer-$number /mnt 9>&- &
		stuck lab-syncer-$number
	done
	stuck jbd2/dm-0-8
	sleep 4
}

death() {
	sysrq c
}
