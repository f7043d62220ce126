scene() {
	sysctl -qw kernel.panic_on_oops=0
	act lab-owner go
	actor lab-waiter-1 go
	actor lab-waiter-2 go
	stuck lab-waiter-1 lab-waiter-2
}
death() { # the kernel reports no hung task after an oops
	sysrq c
}
