scene() {
	act lab-hider go
}

death() {
	sysrq c
}
