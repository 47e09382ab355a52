#!/usr/bin/env python3
"""How long a model takes to load over slow links, and what crosses them: Knarr's head and workers beside stock llama.cpp, each worker on a host
of its own (see measure.py). The first load of each round only fills caches; the second counts:

  stock   ggml-rpc-server -c, which finds large tensors in its cache
  parked  our workers, which still hold the weights of the head before
  seeded  our workers, just started, with the model on a disk of their own (--seed)

The file is held in memory all the while: some machines write off its pages within seconds, and then a disk is measured.

  scripts/wire/load.py --model FILE --layers N [--workers N] [--rate MBIT] [--rounds N] [--sides stock,parked,seeded]

Prints one line for each: seconds from the start of llama-server until /health says ok, the ratio to stock in the same round, and all bytes that
the head has sent in them, packet headers included, beside the bytes of the model.
"""
import argparse, ctypes, os, statistics, subprocess, sys, tempfile, time
import measure
from measure import Lab, end, within

READY = r"""
import sys, time, urllib.request
while True:
    try:
        if b'"ok"' in urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=5).read():
            break
    except OSError:
        pass
    time.sleep(0.05)
print(time.monotonic())
"""


def hold(model):
    """Keeps the file in memory while this script runs."""
    c = ctypes.CDLL(None, use_errno=True)
    c.mmap.restype = ctypes.c_void_p
    size, file = ctypes.c_size_t(os.path.getsize(model)), os.open(model, os.O_RDONLY)
    read, shared = 1, 1
    if c.mlock(ctypes.c_void_p(c.mmap(None, size, read, shared, file, ctypes.c_long(0))), size):
        sys.exit(f"cannot keep {model} in memory: {os.strerror(ctypes.get_errno())}")


def sent(lab):
    """Bytes that the head's network card has sent."""
    lines = subprocess.run(["ip", "netns", "exec", "nl-head", "cat", "/proc/net/dev"], capture_output=True, text=True).stdout.splitlines()
    return sum(int(line.split(":")[1].split()[8]) for line in lines if ":" in line and not line.strip().startswith("lo:"))


def started(head, model, limit=60):
    """When the llama-server that a process or a child of it is was seen first with the model, once it is: what ties it to the head has become it then."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                parent = int(open(f"/proc/{entry}/stat").read().rsplit(") ", 1)[1].split()[1])
                program = open(f"/proc/{entry}/cmdline").read()
            except (OSError, ProcessLookupError):
                continue
            if head in (int(entry), parent) and "/llama-server\0" in program and model in program and "TiedExec" not in program:
                return time.monotonic()
        time.sleep(0.01)
    sys.exit("llama-server was not started")


def load(lab, serve, options):
    """Starts a head, waits until it serves, ends it; seconds of llama-server and bytes sent in them."""
    serve(lab, options)
    head = lab.processes[-1]
    start = started(head.pid, options.model)
    before = sent(lab)
    ready = subprocess.run(["ip", "netns", "exec", "nl-head", sys.executable, "-c", READY], capture_output=True, text=True, timeout=600).stdout
    result = float(ready) - start, sent(lab) - before
    end(lab.processes.pop())
    return result


def stock(lab, options):
    measure.serve_stock_workers(lab, "-c")
    serve = measure.serve_stock_head
    load(lab, serve, options)
    return load(lab, serve, options)


def parked(lab, options):
    measure.serve_knarr_workers(lab)
    serve = measure.serve_knarr_head
    load(lab, serve, options)
    return load(lab, serve, options)


def seeded(lab, options):
    measure.serve_knarr_workers(lab, "--seed", options.model)
    return load(lab, measure.serve_knarr_head, options)


SIDES = {"stock": stock, "parked": parked, "seeded": seeded}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--layers", type=int, required=True, help="of the model, for an even split over stock workers")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", default="stock,parked,seeded")
    parser.add_argument("--logs", help="folder for logs; by default one that is removed")
    options = parser.parse_args()
    options.model, options.context, options.more = os.path.abspath(options.model), 2048, []
    hold(options.model)
    runs = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.logs or temporary
        os.makedirs(folder, exist_ok=True)
        measure.ENV["LLAMA_CACHE"] = os.path.join(temporary, "cache")
        for _ in range(options.rounds):
            for side in options.sides.split(","):
                lab = Lab(options, options.workers, 0, options.rate, folder)
                try:
                    runs.setdefault(side, []).append(SIDES[side](lab, options))
                finally:
                    lab.close()
    size = os.path.getsize(options.model)
    first = [seconds for seconds, _ in next(iter(runs.values()))]
    for side, rounds in runs.items():
        seconds = [s for s, _ in rounds]
        ratios = [s / f for s, f in zip(seconds, first)]
        bytes_ = statistics.median(b for _, b in rounds)
        print(f"{side:6} workers={options.workers} rate={options.rate:g}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
              f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
              f"{bytes_:.0f} bytes = {100 * bytes_ / size:.3f} % of the model's {size}", flush=True)


if __name__ == "__main__":
    main()
