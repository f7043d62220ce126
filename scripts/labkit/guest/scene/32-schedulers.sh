# A namespace with a device for each kind of queueing discipline, some with packets that wait. Sourced by init.

schedulers="fq plainfq netem loss red cake flat codel bands fair drop round many prios pifo bifo head curves buckets shared peak"

ip netns add queues
ip -n queues link set lo up
number=0
for name in $schedulers; do
	number=$((number + 1))
	cat <<-END
		link add $name numtxqueues 4 type dummy
		link set $name up txqueuelen 300
		addr add 10.61.$number.1/24 dev $name
	END
	for host in 2 3 4; do
		echo "neigh add 10.61.$number.$host lladdr 02:00:00:00:61:0$host dev $name nud permanent"
	done
done | ip -n queues -force -batch -

# 64 bits a second: nearly all packets wait
tc -n queues -force -batch - <<-END
	qdisc add dev fq root handle 1: fq limit 500 flow_limit 50 buckets 256 maxrate 10mbit ce_threshold 4ms horizon 5s horizon_cap quantum 3000 initial_quantum 9000 low_rate_threshold 800kbit orphan_mask 255 timer_slack 20us refill_delay 30ms
	qdisc add dev plainfq root handle 1: fq nopacing
	qdisc add dev netem root handle 1: netem limit 300 delay 100s 10ms 25% loss 0.1% 5% duplicate 2% 10% corrupt 0.5% reorder 5% 50% gap 5
	qdisc add dev loss root handle 1: netem loss gemodel 1% 10% 70% 0.1% ecn rate 1mbit 10 20 5 slot 10ms 20ms packets 5 bytes 9000
	qdisc add dev loss parent 1:1 handle 2: bfifo limit 5000
	qdisc add dev red root handle 1: red limit 400000 min 30000 max 90000 avpkt 1000 burst 55 ecn adaptive bandwidth 10Mbit probability 0.1
	qdisc add dev cake root handle 1: cake bandwidth 100kbit diffserv4 dual-srchost nat wash overhead 18 mpu 64 ack-filter memlimit 3mb rtt 50ms
	qdisc add dev flat root handle 1: cake besteffort flowblind no-split-gso raw ingress fwmark 0xff
	qdisc add dev codel root handle 1: tbf rate 64bit burst 1600 limit 30000
	qdisc add dev codel parent 1:1 handle 2: codel limit 200 target 6ms interval 120ms ecn ce_threshold 3ms
	qdisc add dev bands root handle 1: tbf rate 64bit burst 1600 limit 30000
	qdisc add dev bands parent 1:1 handle 2: pfifo_fast
	qdisc add dev fair root handle 1: tbf rate 64bit burst 1600 limit 30000
	qdisc add dev fair parent 1:1 handle 2: sfq limit 3000 flows 512 divisor 16384 redflowlimit 100000 min 8000 max 60000 probability 0.20 ecn headdrop perturb 60
	qdisc add dev drop root handle 1: tbf rate 64bit burst 1600 limit 30000
	qdisc add dev drop parent 1:1 handle 2: fq_codel limit 900 flows 64 target 7ms interval 110ms ce_threshold 2ms noecn memory_limit 2mb drop_batch 32 quantum 400
	qdisc add dev round root handle 1: drr
	class add dev round parent 1: classid 1:1 drr
	class add dev round parent 1: classid 1:2 drr quantum 600
	filter add dev round parent 1: protocol all prio 3 matchall classid 1:2
	qdisc add dev many root handle 1: multiq
	qdisc add dev many parent 1:2 handle 12: pfifo limit 9
	qdisc add dev prios root handle 1: mqprio num_tc 2 map 0 1 1 1 queues 2@0 2@2 hw 0
	qdisc add dev prios parent 1:3 handle 13: pfifo limit 9
	qdisc add dev pifo root handle 1: pfifo limit 77
	qdisc add dev bifo root handle 1: bfifo limit 9000
	qdisc add dev head root handle 1: pfifo_head_drop limit 55
	qdisc add dev curves root handle 1: hfsc default 1
	class add dev curves parent 1: classid 1:1 hfsc sc rate 100kbit ul rate 100kbit
	class add dev curves parent 1: classid 1:2 hfsc rt m1 8kbit d 20ms m2 4kbit ls m2 16kbit
	qdisc add dev buckets root handle 1: htb default 20 r2q 5 direct_qlen 44
	class add dev buckets parent 1: classid 1:1 est 1sec 8sec htb rate 16kbit burst 2k cburst 3k overhead 14 mpu 80
	class add dev buckets parent 1:1 classid 1:20 htb rate 8kbit ceil 12kbit prio 3 quantum 2000
	class add dev buckets parent 1:1 classid 1:2a htb rate 40gbit ceil 50gbit linklayer atm
	qdisc add dev buckets parent 1:2a handle 2a: prio bands 5 priomap 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0
	filter add dev buckets parent 1: protocol ip prio 7 flower ip_proto udp dst_port 99 classid 1:2a
	filter add dev buckets parent 1: protocol ipv6 prio 8 handle 5 fw classid 1:2a
	filter add dev buckets parent 1: protocol 802.1q prio 9 basic classid 1:2a
	filter add dev buckets parent 1:1 protocol ip prio 2 chain 5 matchall classid 1:20
	qdisc add dev shared ingress_block 22 egress_block 23 clsact
	filter add block 22 protocol ip prio 4 flower dst_ip 10.1.2.0/24 action drop
	filter add block 23 protocol all prio 5 matchall action pass
	qdisc add dev peak root handle 1: tbf rate 1mbit burst 5kb latency 70ms peakrate 2mbit minburst 1540 overhead 10 linklayer atm
	qdisc add dev peak clsact
	filter add dev peak ingress protocol arp prio 1 matchall action drop
	filter add dev peak egress protocol ip prio 6 u32 match ip dport 80 0xffff action ok
END

number=0
for name in $schedulers; do
	number=$((number + 1))
	for host in 2 3 4; do
		ip netns exec queues ping -c 12 -i 0.02 -W 1 -s 500 10.61.$number.$host >/dev/null 2>&1 &
		ip netns exec queues ping -c 4 -i 0.02 -W 1 10.61.$number.$host >/dev/null 2>&1 &
	done
done
