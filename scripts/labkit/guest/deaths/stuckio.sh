scene() {
	disk 8
	labguest dm create lab-disk 16384 linear "/dev/loop0 0"
	labguest dm suspend lab-disk
	labguest reader lab-reader /dev/dm-0 9>&- &
	labguest syncer lab-syncer /dev/dm-0 9>&- &
	stuck lab-reader lab-syncer
}
death() {
	: # the kernel notices by itself
}
