#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Python's own regression tests of processes, threads, signals and memory: prints each case with its outcome, sorted,
and "ok python" if none failed.

Usage: python.py [all | MODULE...]      all: those that take long, too"""
import signal
import subprocess
import sys
import xml.etree.ElementTree

SHORT = """test_fork1 test_thread test_threadsignals test_threading test_signal test_mmap test_epoll test_os test_posix
    test_subprocess""".split()
LONG = SHORT + """test_wait3 test_wait4 test_select test_poll test_eintr test_socket test_pty test_faulthandler
    test_fcntl test_resource""".split()
# What waits long, or does the same as others do. Matched with the parts of a case's name.
SLOW = """ProcessTestCase ProcessTestCaseNoPoll CommandsWithSpaces ContextManagerTests test_swap_fds
    test_swap_std_fds_with_one_closed test_pass_fds test_group test_user test_extra_groups test_close_fds*
    test_send_signal_race2 test_communicate_* test_siginterrupt_* test_without_siginterrupt test_keyboard_interrupt_*
    test_wakeup_write_error WalkTests BytesWalkTests FwalkTests BytesFwalkTests TestPosixSpawnP StressTest
    test_4_daemon_threads test_*_join_* test_warn_on_full_buffer ForkTests test_interprocess_signal AtexitTests
    test_itimer_virtual test_send_error test_multithread_modify_file_noerror TestSendfile RunFuncTestCase EnvironTests
    URandomTests TestScandir BarrierTests OSErrorTests""".split()
# These need a kernel with dnotify, and a machine that starts Python in a second or two.
NEVER = ["test_fcntl_64_bit", "test_check_output_timeout"]
XML = "/tmp/python.xml"

words = sys.argv[1:]
modules = LONG if words == ["all"] else words or SHORT
ignored = NEVER if words else NEVER + SLOW
# A shell starts what runs in the background without this signal.
signal.signal(signal.SIGINT, signal.SIG_DFL)
options = ["-j", "3", "--timeout", "600", "--junit-xml", XML] + [word for name in ignored for word in ("-i", name)]
run = subprocess.run([sys.executable, "-m", "test"] + options + modules, stdout=subprocess.PIPE,
                     stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
outcomes = []
for case in xml.etree.ElementTree.parse(XML).iter("testcase"):
    kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
    outcomes.append("%s %s" % (case.get("name"), kinds[0] if kinds else "ok"))
print("\n".join(sorted(outcomes)))
if run.returncode:
    print(run.stdout)
    raise SystemExit("FAILED python")
print("ok python")
