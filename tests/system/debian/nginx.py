#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""nginx at work: 1000 requests from 8 threads to 4 workers, a reload and a killed worker meanwhile, and a graceful
stop while a slow answer is under way. Every answer is looked at. Ends with "ok nginx"."""
import gzip
import http.client
import os
import random
import signal
import subprocess
import threading
import time

REQUESTS, THREADS, PORT = 1000, 8, 8080
FILES = {}          # path: contents
WAYS = ("sendfile", "threads", "gzip", "plain")
done = 0
errors = []
lock = threading.Lock()


def make_files():
    rnd = random.Random(7)
    text = bytes(rnd.choice(b"abcdefgh \n") for _ in range(4096))
    for way in WAYS:
        for name, size in (("empty", 0), ("small", 4096), ("big", 200000)):
            FILES["/%s/%s" % (way, name)] = (text * (size // 4096 + 1))[:size]
    FILES["/slow/file"] = (text * 300)[:1048576]
    for path, contents in FILES.items():
        os.makedirs("/tmp/www" + os.path.dirname(path), exist_ok=True)
        with open("/tmp/www" + path, "wb") as file:
            file.write(contents)


def wait_for(what, true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit("FAILED nginx: %s does not happen" % what)
        time.sleep(0.05)


def children(pid):
    found = set()
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%d/stat" % int(entry)) as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except (OSError, ValueError):
            continue
        if int(parent) == pid and state != "Z":
            found.add(int(entry))
    return found


def answers():
    try:
        fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=60), "/plain/small")
        return True
    except OSError:
        return False


def fetch(conn, path):
    conn.request("GET", path, headers={"Accept-Encoding": "gzip"})
    response = conn.getresponse()
    body = response.read()
    if response.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    if response.status != (200 if path in FILES else 410) or body != FILES.get(path, body):
        errors.append("%s: status %d, %d bytes" % (path, response.status, len(body)))


def client(seed, killed):
    """A connection is kept for some requests. One that was used before may find that its worker has gone."""
    global done
    rnd = random.Random(seed)
    conn, uses = None, 0
    paths = [p for p in sorted(FILES) if not p.startswith("/slow")] + ["/gone/file"]
    for _ in range(REQUESTS // THREADS):
        path = rnd.choice(paths)
        for attempt in range(5):
            if conn is None:
                conn, uses = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60), 0
            try:
                fetch(conn, path)
                uses += 1
                break
            except (ConnectionError, http.client.HTTPException) as error:
                if not uses and not killed.is_set():
                    errors.append("%s: %r" % (path, error))
                conn = None
        else:
            errors.append("%s: no answer" % path)
        if conn and rnd.random() < 0.2:
            conn.close()
            conn = None
        with lock:
            done += 1


def main():
    make_files()
    for name in ("access", "error"):
        open("/tmp/nginx-%s.log" % name, "w").close()
    subprocess.run(["nginx", "-q", "-c", "/nginx.conf"], check=True)
    wait_for("the start", answers)
    with open("/run/nginx.pid") as file:
        master = int(file.read())
    wait_for("a start of four workers", lambda: len(children(master)) == 4)

    killed = threading.Event()
    threads = [threading.Thread(target=client, args=(n, killed)) for n in range(THREADS)]
    for thread in threads:
        thread.start()

    # A reload: other workers take over, nobody's request is lost.
    wait_for("a third of the requests", lambda: done >= REQUESTS // 3)
    before = children(master)
    os.kill(master, signal.SIGHUP)
    wait_for("the reload", lambda: len(children(master)) == 4 and not children(master) & before)
    # A worker dies: another one comes.
    wait_for("two thirds of the requests", lambda: done >= REQUESTS * 2 // 3)
    before = children(master)
    killed.set()
    os.kill(min(before), signal.SIGKILL)
    wait_for("a new worker", lambda: len(children(master)) == 4 and children(master) != before)
    for thread in threads:
        thread.join()

    # A graceful stop: what is under way is sent to its end, nothing new is taken.
    slow = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    slow.request("GET", "/slow/file")
    response = slow.getresponse()
    os.kill(master, signal.SIGQUIT)
    wait_for("the end of listening", lambda: not answers())
    if response.read() != FILES["/slow/file"]:
        errors.append("the slow answer was cut off")
    wait_for("the stop", lambda: not os.path.exists("/proc/%d" % master) and not os.path.exists("/run/nginx.pid"))

    with open("/tmp/nginx-error.log") as file:
        log = file.read()
    levels = [" [%s] " % level for level in ("error", "crit", "alert", "emerg")]
    bad = [line for line in log.splitlines()
           if any(level in line for level in levels) and "exited on signal 9" not in line]
    with open("/tmp/nginx-access.log") as file:
        served = sum(1 for line in file)
    if errors or bad or done != REQUESTS or served < REQUESTS:
        print("\n".join((errors + bad)[:20]))
        raise SystemExit("FAILED nginx: %d done, %d served, %d errors" % (done, served, len(errors) + len(bad)))
    print("ok nginx")


main()
