# The guest that only dies: a death's own scene, a short truth, the death. Sourced by init.

scene() { # what has to be there before the death
	:
}

death() { # the death itself; where it takes its time, it may return
	act victim go
}


act() { # COMM WORD [PATH]: a process of that name writes the word
	labguest act "$1" "${3:-/proc/lab}" "$2" 9>&-
}

actor() { # COMM WORD [PATH]: the same, in the background
	act "$@" 2>/dev/null &
	until grep -qx "$1" /proc/[0-9]*/comm 2>/dev/null; do sleep 0.1; done
}

stuck() { # COMM...: until processes of these names sleep uninterruptibly
	for comm in "$@"; do
		until grep -q "^[0-9]* ($comm) D" /proc/[0-9]*/stat 2>/dev/null; do sleep 0.1; done
	done
}

sysrq() { # LETTER
	act finish "$1" /proc/sysrq-trigger
}

disk() { # MEGABYTES: an ext4 in /tmp/disk on /dev/loop0
	dd if=/dev/zero of=/tmp/disk bs=1M count="$1" 2>/dev/null
	mke2fs -q -F -t ext4 /tmp/disk && losetup /dev/loop0 /tmp/disk
}

lean_truth() {
	for command in mount lsmod "dmesg" "free" "uname -a" "sysctl -a"; do
		# shellcheck disable=SC2086 # the command is words
		labguest frame "cmd/${command%% *}" $command
	done
	labguest frame cmd/ps ps -T -o pid,ppid,pgid,tty,vsz,rss,stat,comm,args
	labguest frame cmd/kallsyms grep '\[lab_' /proc/kallsyms
}

settle() { # the death's settings, which may only hold from now on
	sysctl -qw kernel.panic_on_oops=1 kernel.panic=0 kernel.sysrq=1
	# shellcheck disable=SC2046 # settings are words
	test -s /lab/settings && sysctl -qw $(cat /lab/settings)
}

die_lean() {
	test -f /lab/death.sh && . /lab/death.sh
	exec 9>/dev/vda
	say "scene"
	dmesg -n 7
	scene
	say "truth"
	lean_truth
	settle
	say "finish"
	labguest finish
	death
	sleep 150
}
