scene() {
	actor lab-tree tree-mutex
	actor lab-mutex mutex-tree
	sleep 0.5
	stuck lab-tree lab-mutex
	actor lab-reader-1 read
	actor lab-writer-1 write
	actor lab-locker-1 lock
	actor lab-reader-2 read
	actor lab-locker-2 lock
	stuck lab-reader-1 lab-writer-1 lab-reader-2 lab-locker-1 lab-locker-2
}
death() {
	: # the kernel notices by itself
}
