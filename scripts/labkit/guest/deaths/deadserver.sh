scene() {
	ip link set lo up
	labguest silent lab-server 2049 9>&- &
	sleep 1
	mount -t nfs4 -o addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.1,hard 127.0.0.1:/ /mnt 9>&- &
	sleep 2
	stuck mount
	sleep 4
}

death() {
	sysrq c
}
