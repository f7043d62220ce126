"""Functions that are never the culprit: those that report a crash, lead to the report, or only wait.

Names are matched without compilers' suffixes. Each list names its source files.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SUFFIX = re.compile(
    r"(?:\.(?:isra|constprop|part|cold|llvm|cfi|cfi_jt|lto_priv|localalias|__uniq|suffix|clone)(?:\.\d+)*|\.\d+)+$"
)
_PREFIX = re.compile(r"^(?:__pfx_|__cfi_|\.)")


@lru_cache(maxsize=65536)
def plain(name: str) -> str:
    """A function's name without what a compiler appends (``.isra.3 .constprop.0 .part.1 .cold .llvm.99``)."""
    return _SUFFIX.sub("", _PREFIX.sub("", name)) or name


def _one_of(*parts: str) -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(" ".join(parts).split()) + r")\Z")


# kernel/panic.c, lib/dump_stack.c, lib/bug.c, kernel/printk/, arch/*/kernel/{dumpstack,traps,process}.c
REPORTING = _one_of(
    r"""
    _*dump_stack(_lvl|_print_info)? show_(stack|trace|regs|backtrace)\w* sched_show_task dump_backtrace\w*
    _*(v?panic|nmi_panic|panic_other_cpus_shutdown|check_panic_on_warn|do_panic|die|oops_\w+|die_\w+|_+die\w*)
    __warn\w* warn_slowpath\w* warn_on_slowpath report_bug fixup_bug\w* handle_bug\w* bug_handler
    _*v?printk\w* vprintk\w* unwind_backtrace unwind_stack\w* walk_stackframe arch_stack_walk\w*
    stack_trace_\w+ save_stack\w* print_\w*_?bug crash_kexec __crash_kexec machine_kexec crash_save_cpu\w*
    crash_setup_regs kgdb_\w+ bust_spinlocks panic_\w+ __stack_chk_fail
    print_(address_description|report|bad_page|trailer|tainted) print_modules print_oops_end_marker
    add_taint rust_begin_unwind rust_panic\w* _*rust\w*panic\w* _R\w*panick\w* _R\w*begin_unwind\w*
    _RN\w*4core9panicking\w* BUG_func bug_at debug_show_\w+ __schedule_bug rust_helper_BUG
    debug_locks_off\w* stackdump\w* warn_bogus_irq_restore
    """
)

# arch/*/entry*, arch/*/kernel/traps.c, arch/*/mm/fault.c: from the fault to its report
EXCEPTION = _one_of(
    r"""
    (asm_|sysvec_|asm_sysvec_|xen_|nmi_|irqentry_|idtentry_|exc_|asm_exc_)\w*(exc|fault|error|op|nmi|trap|debug|int3|breakpoint|check|idtentry|divide|overflow|bounds|segment|stack)\w*
    asm_exc_\w+ exc_\w+ asm_sysvec_\w+ sysvec_\w+ irqentry_\w+ common_interrupt\w* apic_timer_interrupt
    smp_apic_timer_interrupt (smp_)?(trace_)?apic_timer_interrupt\w*
    reschedule_interrupt (smp_)?call_function_(single_)?interrupt
    ret_from_(intr|exception|trap|sys_call) retint_\w+ error_(code|entry|exit|return|sti)
    nmi_stack_correct
    _*do_(general_protection|page_fault|user_addr_fault|kern_addr_fault|trap\w*|error_trap|invalid_op|int3|debug|double_fault|divide_error|stack_segment\w*|nmi|device_not_available|bp|ov|ri|ade|ftrace_invalid\w*)
    _*(bad_area\w*|no_context|pgtable_bad|page_fault_oops|kernelmode_fixup_or_oops|search_exception_tables|fixup_exception|spurious_\w*fault|mm_fault_error)
    page_fault general_protection invalid_op divide_error stack_segment double_fault df_debug nmi
    end_repeat_nmi repeat_nmi first_nmi int3 debug machine_check async_page_fault
    do_(mem_abort|translation_fault|kernel_fault|page_fault|sp_pc_abort|undefinstr|bad_area|DataAbort|PrefetchAbort|alignment\w*|sea|tag_\w+|alternative\w*|serror|bti|el\w+)
    __do_kernel_fault die_kernel_fault arm64_notify_die arm64_serror_panic __do_user_fault el[01]\w*
    el[01]t?h?_\w+ bad_mode bad_el0_sync handle_bad_stack __bad_stack \w*undef\w*instr\w* do_undefinstr
    call_undef_hook _*(und|dabt|pabt|irq|fiq)_(svc|usr|invalid) __und_\w+ __dabt_\w+ __pabt_\w+ __irq_\w+
    gic_handle_irq handle_domain_irq\w* generic_handle_\w*irq\w* handle_irq\w* do_IRQ asm_do_IRQ
    brk_handler call_break_hook do_debug_exception single_step_handler debug_fault_first do_break\w*
    break_handler early_brk64
    (data|instruction|program_check|alignment|decrementer|hardware_interrupt|system_reset|machine_check|fp_unavailable|bad_page_fault|handle_page_fault|performance_monitor)\w*(_common|_exception|_interrupt|_virt|_real)\w*
    bad_page_fault _*bad_page_fault handle_page_fault program_check_exception program_check_common\w*
    ret_from_except\w* interrupt_\w+ _?exception(_return\w*)? ___do_page_fault hash__do_page_fault
    do_hash_fault do_slb_fault\w* data_access_\w+ instruction_access_\w+ unrecoverable_exception
    alignment_exception pgm_check_handler __do_pgm_check
    do_(protection|dat|asce|secure_storage\w*)_exception do_no_context illegal_op monitor_event_exception
    ret_from_fork(_asm)?_\w+ pgm_\w+ ext_int_handler do_report_trap default_trap_handler handle_fault\w*
    kernel_stack_overflow handle_exception\w* do_trap_\w+ ret_from_exception excp_vect_table bad_kernel\w*
    die_kernel_fault handle_(ri|tlb\w*|sys|ade|bp|ov|watch|mcheck|reserved)\w* tlb_do_page_fault_\d
    except_vec\w* genex\w* do_ftrace_\w+
    ia64_(fault|do_page_fault|bad_break|leave_kernel|native_leave_kernel)\w* user_unaligned_trap
    kernel_unaligned_trap rtrap\w* sparc64_realfault_common tl0_\w+ do_sparc64_fault unhandled_fault
    kernel_bad_stack\w* vc_\w+ xen_\w+_trap\w* __restore_rest_of\w* do_exit\w*_oops make_task_dead
    rewind_stack\w* trap_(init|common) notify_die notifier_call_chain _*atomic_notifier_call_chain
    kprobe_exceptions_notify \w*emulate_instruction\w* entry_SYSENTER\w* exception_exit\w* irq_exit_rcu\w*
    xen_do_upcall\w* xen_hypervisor_callback xen_evtchn_do_upcall hv_\w*callback_vector
    """
)

# a check that found somebody else's fault: lib/{list_debug,refcount,string_helpers}.c, mm/usercopy.c
CHECKERS = _one_of(
    r"""
    _*list_(add|del|del_entry)(_valid|_entry_valid)?(_or_report)? list_del_init __list_(add|del)\w*
    list_add_tail\w* refcount_\w+ __refcount_\w+ kref_(get|put|sub)\w* usercopy_(abort|warn)
    __check_(object_size|heap_object)\w*
    check_(heap_object|stack_object|object_size|page_span|kernel_text_object|bogus_address)\w*
    report_usercopy _*fortify_(panic|report|memcpy\w*) __(read|write)_overflow\w* copy_overflow
    __copy_overflow __fortify_\w+ memcpy_\w*overflow debug_print_object debug_object_\w+
    __debug_object_\w+ __?debug_check_no_obj_freed debug_check_no_obj_freed
    debug_(timer|work|hrtimer|rcu)\w* timer_is_static_object work_is_static_object __slab_(err|fix|bug)\w*
    slab_(err|fix|bug|pad_check)\w* object_err
    check_(object|bytes_and_report|slab|redzone\w*|poison\w*)\w*
    (alloc|free)_(debug_processing|consistency_checks) free_to_partial_list on_freelist _*check_bytes\w*
    cache_free_debugcheck _*slab_error verify_redzone_free slab_pad_check validate_slab\w* bad_page\w*
    _*free_pages_(check|bad)\w* _*check_(free_page|new_page)\w*(_bad)? page_table_check_\w+
    __page_table_check\w* set_freepointer kfree_debugcheck assfail assertfail xfs_assert\w* asswarn
    __WARN\w* __bug_\w+ BUG
    """
)

# mm/kasan, mm/kmsan, mm/kfence, kernel/kcsan, lib/ubsan.c
SANITIZERS = _one_of(
    r"""
    _*(kasan|asan|hwasan|kmsan|msan|kcsan|tsan|kfence|ubsan|kcov|sanitizer)_\w+ __asan_\w+ __hwasan_\w+
    __msan_\w+ __tsan_\w+ __ubsan_\w+ ubsan_\w+ kasan_\w+ check_memory_region\w*
    memory_is_(poisoned|nonzero)\w* check_region_inline
    print_(shadow\w*|error_description|address_description\w*|report\w*)
    (handle_)?(object|shift|slice|overflow|division|bounds|type|misaligned|pointer|load)_?\w*(overflow|mismatch|out_of_bounds|bounds)\w*
    report_(error|enabled|suppressed) start_report end_report object_is_on_stack tag_check_fault\w*
    do_tag_check_fault report_tag_fault do_tag_recovery val_to_string kfence_report_error
    read_word_at_a_time __(read|write)_once_\w*nocheck\w* instrument_\w+ debug_kernel_\w* \w*__hwasan\w*
    ____kasan_\w+ poison_slab_object slab_free_freelist_hook slab_free_hook qlist_\w+ quarantine_\w+
    should_fail\w* set_track\w* handle_overflow __warn_sanit\w*
    """
)

# lib/string.c, arch/*/lib: the fault is in what the caller gave
LIBRARY = _one_of(
    r"""
    _*(mem(cpy|set|move|cmp|chr|chr_inv|scan|dup_user|dup)|str(n?cmp|n?casecmp|n?len|[nls]*cpy|scpy|n?cat|lcat|r?chr|str|nstr|sep|spn|cspn|pbrk|chrnul|ncpy_from_user|nlen_user|sncpy))(_\w*)?
    _*_?copy_(to|from|in)_\w+ copy_user_\w+ _*(raw_)?copy_(to|from)_(user|iter)\w* copy_page(_\w+)?
    clear_page\w* clear_user\w* _*(put|get)_user(_\w+)? csum_partial\w* rep_movs\w* rep_stos\w*
    _*might_(fault|sleep|resched)\w*
    _*(vsn?printf|v?scnprintf|sn?printf|v?sprintf|kv?asprintf(_const)?|string(_nocheck)?|pointer|number|format_decode|hex_string|ip\d?_addr_string|symbol_string|dentry_name|va_format)
    _*dev_(printk\w*|info|warn|err|notice) netdev_(printk|err|warn|info) _*arch_(static_|atomic)\w*
    _*(atomic|atomic64)_\w+ _*(set|clear|change|test)_\w*bit\w*
    _*raw_(readl|writel|readb|writeb|readw|writew|readq|writeq) read[bwlq] write[bwlq]
    io(read|write)\d+\w* inl? outl? _*list_(replace|move|splice|empty)\w* _*rb_\w+ xas_\w+ klist_\w+
    kobject_\w+ __kobject_\w+ ida_\w+ crc\d\w* crc_\w+ hex_dump_to_buffer print_hex_dump\w*
    skb_(panic|over_panic|under_panic|push|pull|put|pull_data) __phys_addr\w* __virt_to_phys\w*
    ref_tracker_\w+ rhashtable_lookup\w* logic_(in|out)\w*
    _*(wake_up|finish_wait|complete|swake_up|prepare_to_wait|add_wait_queue|remove_wait_queue\w*_locked)(_\w*)?
    __wake_up\w* _*(try_to_)?del_timer\w* timer_(delete|shutdown)\w* __timer_delete\w* lock_timer_base
    _*mod_timer\w* _*(insert|queue)_(work|delayed_work)\w* __queue_(work|delayed_work)\w* kthread_stop\w*
    put_device drop_nlink perf_trace_\w+ trace_event_\w+ __seqprop_\w+ folio_(un)?lock cleanup_srcu_struct
    _*fdget_pos aes_(en|de)crypt _*fast_dput device_(del|unregister|add) sysfs_remove_\w+ hlist_\w+
    __hlist_\w+ __?x86_indirect_\w+ __x86_return_thunk\w* srso_\w+ retbleed_\w+ \w*_indirect_thunk_\w+
    ftrace_\w+_caller ftrace_call mcount _mcount
    """
)

# kernel/locking, include/linux/{spinlock,rwsem,mutex}.h, kernel/softirq.c
LOCKS = _one_of(
    r"""
    _*(raw_)?_*(raw_)?(spin|read|write)_(un|try)?_?lock\w* _*_?raw_(spin|read|write)\w* _*lock_text_start
    do_raw_(spin|read|write)_\w+ __?(pv_|native_)?queued?_(spin|read|write)\w*
    (native_|__pv_)?queued_(spin|read|write)\w* (native_)?queued_spin_lock_slowpath\w* __pv_queued_spin\w*
    (resilient_)?\w*_?queued_spin_lock_slowpath _*ticket_(spin|lock)\w* __ticket_spin_\w+
    spin_(dump|bug|lock|acquire|unlock)\w* __?spin_(lock|yield)\w* rwlock_bug\w* _+spin_\w+
    _+(read|write)_(lock|unlock|trylock)\w* \.text\.lock\.\w+ xen_(poll_irq|lock_spinning|qlock_wait)\w*
    pv_(wait|kick)\w* kvm_(wait|kick_cpu|lock_spinning)
    _*(mutex|ww_mutex|rt_mutex|rtmutex|rt_spin|rt_read|rt_write|rwbase)_\w+ __?mutex_\w+ \w*mutex_lock\w*
    task_blocks_on_rt_mutex \w*rt_mutex_slow\w* osq_(un)?lock mutex_spin_on_owner\w* mcs_\w*
    _*(down|up)(_(read|write|timeout|interruptible|killable|trylock)\w*)? _+down\w* _+up\w* rwsem_\w+
    \w*rwsem_\w*(slowpath|failed|wait|wake)\w* call_rwsem_\w+
    (percpu_(down|up|rwsem)|__percpu_(down|up|rwsem))\w* downgrade_write \w*percpu_rwsem_wait\w*
    _*lock_(acquire|release|is_held|acquired|contended|set_class|downgrade|pin|repin)\w*
    __?lock_\w*(acquire|release)\w* lockdep_\w+ \w*_held_locks?\w* mark_(lock|held_locks|usage)\w*
    (reacquire_)?held_locks\w* register_lock_class assign_lock_key look_up_lock_class
    (check_)?(prev_add|prevs_add|noncircular|usage\w*|deadlock\w*|wait_context\w*|irq_usage|chain_key)
    validate_chain\w* find_usage\w*
    print_(circular\w*|deadlock\w*|irq\w*|usage\w*|bad_irq\w*|unlock\w*|freed\w*|lock\w*)
    debug_check_no_locks\w* (trace|lockdep)_(hard|soft)irqs?_\w+ trace_hardirqs_\w+ __trace_hardirqs\w*
    __local_bh_\w+ _?local_bh_(en|dis)able\w* local_irq_\w+ __?raw_local_irq\w*
    preempt_(count|schedule)\w* debug_smp_processor_id check_preemption_disabled __this_cpu_preempt_check
    arch_local_irq\w* queued_\w+_slowpath \w*_?bit_spin_lock\w*
    lock_(kernel|sock|sock_nested|sock_fast|page|buffer) __lock_(kernel|page|sock|buffer)\w* unlock_kernel
    release_sock __?cond_resched\w* bh_lock_sock\w* dlm_lock_\w+ seqprop_\w+ owner_on_cpu raw_spin_rq\w*
    _*raw_spin_rq_lock\w* task_rq_lock \w*might_lock\w*
    """
)

# watchdogs, RCU's stall detector, timers and interrupt entry on the way to them
STALL = _one_of(
    r"""
    watchdog_\w+ softlockup_\w+ watchdog\w* \w*hardlockup\w* lockup_detector\w* perf_event_overflow
    _*perf_event_(overflow|nmi)\w* \w*_pmu_handle_irq\w* perf_event_nmi_handler nmi_handle\w*
    default_do_nmi do_nmi\w* handle_nmi\w* (arch_|nmi_)?trigger_\w*backtrace\w*
    nmi_(trigger_)?cpu(mask)?_backtrace\w* rcu_dump_cpu_stacks\w* print_(other_)?cpu_stall\w*
    check_cpu_stall\w*
    rcu_(check_callbacks|sched_clock_irq|pending|dump\w*|check_gp_kthread\w*|process_gp_end|core\w*|flavor_sched_clock_irq)
    __rcu_pending update_process_times tick_(sched|periodic|nohz|handle|do|setup)\w*
    hrtimer_(interrupt|run_queues|peek\w*)\w* __hrtimer_run_queues __run_hrtimer\w*
    local_apic_timer_interrupt smp_(trace_)?apic_timer_interrupt\w* __?sysvec_\w+
    (local_|generic_)?timer_(interrupt|event\w*|handler) arch_timer_handler\w* __?xen_timer\w* timer_tick
    arch_irq_\w+ run_timer_tick scheduler_tick sched_tick task_tick\w* smp_local_timer_interrupt
    handle_percpu_devid\w* handle_percpu_irq\w* handle_irq_event\w* __handle_irq\w* __handle_domain_irq
    handle_irq_desc timer_interrupt\w* __timer_interrupt rt_\w*tick riscv_timer_\w+ riscv_intc_irq
    c0_compare_interrupt do_\w*timer_irq\w* constant_timer_interrupt __?irq_(enter|exit)\w*
    irq_(enter|exit)\w* invoke_softirq \w*smp_call_function\w*_interrupt flush_smp_call_function_queue\w*
    generic_smp_call_function\w* __?flush_smp_call\w* ipi_\w+ do_handle_IPI handle_IPI smp_handle_\w*
    smp_ipi_\w* touch_\w*watchdog\w* nmi_cpu\w* raise_nmi sysrq_\w+ kdb_\w+ bad_\w*spin\w*
    """
)

# a task that sleeps: kernel/sched, kernel/locking, kernel/rcu, block and page waits
WAITING = _one_of(
    r"""
    _*schedule\w* __?switch_to\w* context_switch\w* schedule_\w+ io_schedule\w* io_wait_\w+
    _*cond_resched\w* preempt_\w+ freezer_\w+ refrigerator
    _*wait_(for_(common|completion)\w*|on_(bit|page|buffer|folio|inode)\w*|event\w*|woken|bit\w*|rcu\w*)\w*
    do_wait_(for_common|intr\w*) _*(out_of_line_)?wait_on_bit\w* bit_wait\w* out_of_line_wait\w*
    (prepare_to|finish)_wait\w* sleep_on_\w+ interruptible_sleep\w* _*sleep_on\w* msleep\w*
    usleep_range\w* do_nanosleep _*(__)?wait_(for_completion|for_common)\w* \w*_?wait_for_completion\w*
    completion_\w+ __?wait_rcu_gp\w* rcu_(sync|barrier)\w* _rcu_barrier\w* synchronize_\w+
    _*synchronize_(s?rcu|sched|net|rcu)\w* cond_synchronize\w* rcu_barrier\w* swait\w* swake\w*
    _*flush_(work|workqueue|delayed_work|scheduled_work)\w* drain_workqueue (__)?cancel_(delayed_)?work\w*
    __?cancel_work\w* kthread_(stop|park|flush\w*|worker\w*|cancel\w*|destroy\w*)\w* wait_on_\w+
    __wait_on_\w+ sleep_on_(page|buffer)\w* __?lock_page\w* lock_page\w* _*folio_(wait|lock)\w*
    _*lock_(page|buffer|sock|two_inodes)\w* io_schedule\w* blk_(io_schedule) rtnl_lock_slow\w*
    _*down_(read|write)\w* \w*rwsem_down\w* futex_wait_queue\w* \w*_schedule_(timeout|hrtimeout)\w*
    truncate_inode_page\w*_wait submit_bio_wait blkdev_issue_flush_wait
    """
)

# mm/page_alloc.c, mm/oom_kill.c, mm/sl?b.c
ALLOCATORS = _one_of(
    r"""
    (oom|out_of|dump_header|pagefault_out_of|mem_cgroup_out_of|mem_cgroup_oom|mem_cgroup_do_charge|try_charge|mem_cgroup_\w*charge|mem_cgroup_\w+|__mem_cgroup\w*|charge_memcg|obj_cgroup\w*|memcg_\w+)\w*
    warn_alloc\w* __alloc_pages\w* _*alloc_(pages?|frozen_pages|skb|percpu|pages_\w+)\w*
    __?get_free_pages? get_zeroed_page _*(folio|filemap)_alloc\w* vma_alloc_folio\w* alloc_\w*folio\w*
    new_slab\w* allocate_slab\w* ___?slab_alloc\w* __slab_alloc\w* slab_(alloc|post_alloc|pre_alloc)\w*
    _*k[mvzc]*alloc\w* _*kmem_cache_\w+ _*kv?m?alloc\w* krealloc\w* _*kmalloc\w* __do_kmalloc\w* kzalloc\w*
    kcalloc\w* kvmalloc\w* vmalloc\w* __vmalloc\w* cache_(alloc|grow|free)\w* fallback_alloc\w*
    ____cache_alloc\w* __do_cache_alloc page_frag_alloc\w* _*mempool_alloc\w* pcpu_\w+ __page_cache_alloc
    pagecache_get_page grab_cache_page\w* _*filemap_get_folio\w* alloc_contig\w* _*devm_k\w*alloc\w*
    kstrdup\w* kstrndup kmemdup\w* memdup\w* kvasprintf\w* kasprintf\w* kmemleak_\w+ create_object\w*
    _*idr_\w+alloc\w* _*k?v?z?free\w* vfree\w* _*kfree\w* _*slab_free\w* do_slab_free __cache_free
    ___cache_free kmem_freepages free_\w*block _*free_(pages?|unref\w*|percpu|frozen\w*|skb\w*)\w*
    _*put_page\w* __folio_put\w* free_pcp\w* free_hot_cold\w* release_pages __?free_slab\w* discard_slab
    cmpxchg_double_slab\w* put_cpu_partial unfreeze_partials kvfree\w* _*vunmap\w* __?remove_vm_area
    kfree_skb\w* consume_skb skb_release_\w+ skb_free_head
    """
)

# mm/sl?b.c, mm/vmalloc.c: what everybody calls of them
SLAB = _one_of(
    r"""
    _*k[mvz]*(m?alloc|free)\w* kmem_cache_(alloc|free|zalloc)\w* _*k?v?z?free(_sensitive)? vfree\w* kvfree\w*
    vmalloc\w* __vmalloc\w* vzalloc\w* _*slab_(alloc|free)\w* kfree_skb\w*
    """
)

# functions that are called from everywhere and work on their caller's object: dropping references,
# registering and unregistering, URBs, work, timers
HELPERS = _one_of(
    r"""
    _*iput(_final)? dput dput_to_list fput\w*
    _*sk_(free|destruct|prot_(alloc|free)|clone\w*|alloc|stop_timer\w*) sock_(kmalloc|kfree_s|kzfree_s)
    sk_skb_reason_drop skb_(release|free)_\w+ _*(dev_)?(alloc|free|kfree)_skb\w* (netdev|napi)_alloc_\w+
    page_frag_\w+ folios?_put\w* put_(page|pages_list|folio)\w* folio_batch_\w+ lru_add_drain\w*
    release_pages\w* prep_(new_page|compound_page) get_page_from_freelist
    _*(kref|kobj|klist|get|put)_?(device|put|get)\w*
    device_(add|del|register|unregister|remove_file|destroy|create\w*) get_device_parent dpm_sysfs_\w+
    (kobject|class|bus|driver)_(add|del|init|unregister|register|get|put|cleanup)\w* add_uevent_var
    kobject_uevent\w* devres_\w+ sysfs_\w+ internal_create_group\w* kernfs_(put|remove\w*|get)
    _*kernfs_remove\w* proc_(register|create\w*|mkdir\w*) remove_proc_\w+
    (cdev|misc|hwrng)_(del|deregister|unregister)\w* usb_(submit|kill|unlink|poison|free|get|put)_\w*urb\w*
    usb_kill_anchored_urbs usb_(start_wait_urb|control_msg|bulk_msg|interrupt_msg|internal_control_msg)\w*
    _*(flush|drain|destroy|cancel)_\w*work\w* try_to_grab_pending\w* work_grab_pending\w* _*cancel_work\w*
    (init|del|add|mod|try_to_del|timer)_timer\w* init_timer_key\w* _*call_s?rcu\w* kill_fasync\w*
    send_sigio\w* _*wait_for_completion\w* tty_(un)?register_device\w* console_(lock|trylock) ldsem_\w+
    tty_ldisc_lock\w* _*tty_ldisc_lock\w* radix_tree_\w+ idr_\w+ _*ida_\w+ xa_\w+ _*xa_\w+ xas_\w+ maple_\w+
    mas_\w+ _*list_lru_\w+ mark_buffer_dirty\w* _*filemap_fdatawait_range\w* find_lock_entries
    find_get_entr\w+ truncate_inode_pages\w* unregister_netdev\w* rollback_registered\w* d_walk
    shrink_dcache_\w+ d_lru_\w+ shrink_dentry_list simple_copy_to_iter _*copy_(to|from)_iter\w* aesti_\w+
    crypto_(ecb|cipher|skcipher)_\w+ cipher_crypt_one xts_\w+ task_rq_lock _*task_rq_lock qlist_\w+
    vzalloc\w* _*debug_check_no_obj_freed debug_objects_mem_init dev_v?printk_emit _*dev_printk\w*
    _*netdev_printk hlock_class get_taint
    """
)

# functions that call a given callback: kernel/{time,softirq.c,workqueue.c,smp.c}, kernel/rcu
_DISPATCHERS = _one_of(
    r"""
    call_timer_fn expire_timers _*run_timers _*run_hrtimer _*hrtimer_run_queues process_one_work kthread
    rcu_do_batch _*rcu_process_callbacks tasklet_\w*action\w* handle_softirqs _*do_softirq
    _*handle_irq_event_percpu _*flush_smp_call_function_queue notifier_call_chain ret_from_fork
    """
)


def is_dispatcher(name: str) -> bool:
    """Whether a function calls others' callbacks: it isn't to blame for a bad one."""
    return bool(_DISPATCHERS.match(name))


def is_reporting(name: str) -> bool:
    """Whether a function prints the report, or is on the way from the fault to it."""
    return bool(REPORTING.match(name) or EXCEPTION.match(name))


def matcher(*lists: re.Pattern[str]) -> Skip:
    """A set of functions: those of all these lists."""
    return Skip((REPORTING, EXCEPTION, *lists))


class Skip:
    """A set of functions that are skipped on the way to the culprit."""

    def __init__(self, lists: tuple[re.Pattern[str], ...]) -> None:
        self._lists = lists
        self._known: dict[str, bool] = {}

    def __call__(self, function: str) -> bool:
        """Whether a function, with or without its suffixes, is skipped."""
        known = self._known.get(function)
        if known is None:
            name = plain(function)
            known = any(one.match(name) for one in self._lists)
            if len(self._known) < 50_000:
                self._known[function] = known
        return known
