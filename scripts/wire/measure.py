#!/usr/bin/env python3
"""What a split model costs on slow links: Knarr's head and workers beside stock llama.cpp, each worker on a host of its own.

Hosts are network namespaces joined by netlab (root, iproute2, a C compiler), so every link has the delay and the rate that is asked for, from
worker to worker too. Each round measures every side once, one after the other; a warm-up request before each is not counted (a JVM needs some hundred tokens).

  scripts/wire/measure.py --model FILE [--workers 1,2,4] [--delay MS,…] [--rate MBIT] [--tokens N] [--depth TOKENS] [--prompt N]
                          [--rounds N] [--sides knarr,stock] [--sampling greedy|default] [-- ARGUMENT OF llama-server …]

With --prompt the tokens that count are those of a prompt that goes on from the given depth. Several delays make rounds of all of them. Prints one line for each side, number of workers and delay: time per token (median over the tokens of
all rounds, with the least and the greatest of the rounds' medians), bytes per token on all links together (TCP payload as the kernel counts it),
processor time per token of head, llama-server and workers, and the round trip as ICMP echoes measure it.
"""
import argparse, json, os, re, signal, statistics, subprocess, sys, tempfile, time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
CACHE = os.environ.get("KNARR_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "knarr")
LLAMA = os.path.join(CACHE, "llama.cpp", "bin")
PORT = 50052
ENV = dict(os.environ, OMP_NUM_THREADS="1", GGML_NO_BACKTRACE="1")


def within(host, *command, **more):
    return subprocess.Popen(["ip", "netns", "exec", "nl-" + host, *command], env=ENV, start_new_session=True,
                            stdout=more.get("log", subprocess.DEVNULL), stderr=subprocess.STDOUT, stdin=subprocess.PIPE)


def end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def await_(what, test, limit=120):
    deadline = time.time() + limit
    while time.time() < deadline:
        if test():
            return
        time.sleep(0.05)
    sys.exit(f"{what}: not within {limit} s")


class Lab:
    """A head and workers on hosts of their own."""

    def __init__(self, options, workers, delay, folder):
        self.options, self.count, self.folder = options, workers, folder
        netlab = os.path.join(folder, "netlab")
        if not os.path.exists(netlab):
            subprocess.run(["cc", "-O2", "-o", netlab, os.path.join(ROOT, "scripts", "wire", "netlab.c")], check=True)
        hosts = ["head"] + [f"w{i}" for i in range(workers)]
        rate = ["-r", str(options.rate)] if options.rate else []
        self.switch = subprocess.Popen([netlab, "-d", str(delay), *rate, *hosts], stdout=subprocess.PIPE, text=True)
        self.switch.stdout.readline()
        self.processes = []

    def start(self, host, *command):
        log = open(os.path.join(self.folder, f"{host}-{os.path.basename(command[0])}.log"), "a")
        process = within(host, *command, log=log)
        self.processes.append(process)
        return process

    def address(self, worker):
        return f"10.77.0.{worker + 2}:{PORT}"

    def listening(self, worker):
        probe = subprocess.run(["ip", "netns", "exec", f"nl-w{worker}", "ss", "-ltnH", f"sport = :{PORT}"], capture_output=True, text=True)
        return bool(probe.stdout.strip())

    def sent(self):
        """TCP payload that was acknowledged, by connections that stand, of all hosts together."""
        total = 0
        for host in ["head"] + [f"w{i}" for i in range(self.count)]:
            text = subprocess.run(["ip", "netns", "exec", "nl-" + host, "ss", "-tinH", "src", "10.77.0.0/24"], capture_output=True, text=True).stdout
            total += sum(int(n) for n in re.findall(r"bytes_acked:(\d+)", text))
        return total

    def round_trip(self):
        """ms between head and first worker: the median of 50 ICMP echoes, each sent 5 ms after the answer before."""
        return float(subprocess.run(["ip", "netns", "exec", "nl-head", sys.executable, "-c", PING, "10.77.0.2"], capture_output=True, text=True).stdout)

    def cpu(self):
        """Seconds of processor time so far, by kind of process."""
        spent, parents = {}, {p.pid: "head" if i >= self.count else "workers" for i, p in enumerate(self.processes)}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    name, rest = open(f"/proc/{entry}/stat").read().split("(", 1)[1].rsplit(") ", 1)
                except (OSError, ProcessLookupError):
                    continue
                fields = rest.split()
                kind = parents.get(int(entry)) or (parents.get(int(fields[1])) and "llama-server")
                if kind:
                    kind = "llama-server" if name == "llama-server" else kind
                    spent[kind] = spent.get(kind, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return spent

    def close(self):
        for process in reversed(self.processes):
            end(process)
        self.switch.terminate()
        self.switch.wait()


def serve_stock_workers(lab, *more):
    for i in range(lab.count):
        lab.start(f"w{i}", os.path.join(LLAMA, "ggml-rpc-server"), "-H", "0.0.0.0", "-p", str(PORT), "-t", "1", *more)
    await_("stock workers", lambda: all(lab.listening(i) for i in range(lab.count)))


def serve_stock_head(lab, options):
    rpc = ",".join(lab.address(i) for i in range(lab.count))
    lab.start("head", os.path.join(LLAMA, "llama-server"), "--rpc", rpc, "-ngl", "all", "--fit", "off", "-m", options.model,
              "--device", ",".join(f"RPC{i}" for i in range(lab.count)), "--tensor-split", split(options.layers + 1, lab.count),
              "--cache-ram", "0", "--ctx-checkpoints", "0", "-c", str(options.context), "-np", "1", "-t", "1", "-tb", "1",
              "--host", "127.0.0.1", "--port", "8080", *options.more)


def serve_stock(lab, options):
    serve_stock_workers(lab)
    serve_stock_head(lab, options)


def split(parts, devices):
    rest = parts % devices
    return ",".join(str(parts // devices + (1 if i >= devices - rest else 0)) for i in range(devices))


def serve_knarr_workers(lab, *more):
    for i in range(lab.count):
        lab.start(f"w{i}", os.path.join(ROOT, "knarr"), "worker", "--host", "0.0.0.0", "--port", str(PORT), "--management-port", "0",
                  "--threads", "1", "--device", "CPU", *more)
    await_("workers", lambda: all(lab.listening(i) for i in range(lab.count)))


def serve_knarr_head(lab, options):
    config = {
        "model": {"name": "measured", "path": options.model},
        "context": {"length": options.context, "parallelSequences": 1, "flashAttention": "AUTO"},
        "workers": [{"name": f"w{i}", "address": lab.address(i)} for i in range(lab.count)],
        "llamaServer": {"program": os.path.join(LLAMA, "llama-server"), "arguments": options.more, "threads": 1},
        "http": {"host": "127.0.0.1", "port": 8080},
    }
    file = os.path.join(lab.folder, "head.json")
    with open(file, "w") as out:
        json.dump(config, out)
    lab.start("head", os.path.join(ROOT, "knarr"), "head", "--config", file)


def serve_knarr(lab, options):
    serve_knarr_workers(lab)
    serve_knarr_head(lab, options)


SIDES = {"stock": serve_stock, "knarr": serve_knarr}

CLIENT = r"""
import json, sys, time, urllib.request
url, body = sys.argv[1], sys.stdin.read()
if not body:
    print(urllib.request.urlopen(url, timeout=5).read().decode()); sys.exit()
request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
times, text = [time.monotonic()], ""
with urllib.request.urlopen(request, timeout=3600) as answer:
    for line in answer:
        if line.startswith(b"data: {"):
            times.append(time.monotonic())
            text += json.loads(line[6:]).get("content", "")
print(json.dumps({"times": times, "text": text}))
"""

PING = r"""
import socket, statistics, struct, sys, time
echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.getprotobyname("icmp"))
echo.settimeout(5)
trips = []
for sequence in range(50):
    message = struct.pack("!BBHHH", 8, 0, ~(0x0800 + 1 + sequence) & 0xffff, 1, sequence)
    sent = time.monotonic()
    echo.sendto(message, (sys.argv[1], 0))
    while echo.recv(100)[20:28][0] != 0:
        pass
    trips.append(1e3 * (time.monotonic() - sent))
    time.sleep(0.005)
print(statistics.median(trips))
"""


def call(path, body=None):
    result = subprocess.run(["ip", "netns", "exec", "nl-head", sys.executable, "-c", CLIENT, "http://127.0.0.1:8080" + path],
                            input=json.dumps(body) if body else "", capture_output=True, text=True)
    return json.loads(result.stdout) if result.returncode == 0 and result.stdout.strip() else None


def healthy():
    answer = call("/health")
    return answer is not None and answer.get("status") == "ok"


def request(options, tokens, prompt):
    body = {"prompt": prompt, "n_predict": tokens, "stream": True, "ignore_eos": True, "cache_prompt": True, "seed": 1}
    if options.sampling == "greedy":
        body["temperature"] = 0
    return body


def measure(side, workers, delay, options, folder):
    """One side once: its times per token in ms, bytes per token, processor time per token in ms, the round trip, and its text."""
    lab = Lab(options, workers, delay, folder)
    try:
        SIDES[side](lab, options)
        await_(f"{side} over {workers} workers", healthy, 900)
        prompt = "".join(chr(97 + i * 7 % 26) for i in range(max(16, options.depth)))
        call("/completion", request(options, options.warm, prompt))
        before, spent = lab.sent(), lab.cpu()
        if options.prompt:
            more = "".join(chr(97 + i * 11 % 26) for i in range(options.prompt))
            answer = call("/completion", request(options, 1, prompt + more))
        else:
            answer = call("/completion", request(options, options.tokens, prompt))
        after, cpu = lab.sent(), lab.cpu()
        if answer is None:
            sys.exit(f"{side} over {workers} workers did not answer; logs are in {folder}")
        times, tokens = answer["times"], options.prompt or options.tokens
        steps = [1e3 * (times[1] - times[0]) / tokens] if options.prompt else [1e3 * (b - a) for a, b in zip(times[2:], times[3:])]
        cpu = {kind: 1e3 * (cpu[kind] - spent.get(kind, 0)) / tokens for kind in cpu}
        return steps, (after - before) / tokens, cpu, lab.round_trip(), answer["text"]
    finally:
        lab.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--delay", default="0")
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--warm", type=int, default=1536, help="tokens of the request before the one that counts")
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--prompt", type=int, default=0, help="measure a prompt of so many tokens instead of generation")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--layers", type=int, required=True, help="of the model, for an even split over stock workers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", default="knarr,stock")
    parser.add_argument("--sampling", choices=["greedy", "default"], default="greedy")
    parser.add_argument("--logs", help="folder for logs; by default one that is removed")
    argv = sys.argv[1:]
    more = argv[argv.index("--") + 1:] if "--" in argv else []
    options = parser.parse_args(argv[:argv.index("--")] if "--" in argv else argv)
    options.model, options.more = os.path.abspath(options.model), more
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.logs or temporary
        os.makedirs(folder, exist_ok=True)
        for workers in map(int, options.workers.split(",")):
            runs, texts = {}, set()
            for _ in range(options.rounds):
                for delay in map(float, options.delay.split(",")):
                    for side in options.sides.split(","):
                        steps, size, cpu, trip, text = measure(side, workers, delay, options, folder)
                        runs.setdefault((side, delay), []).append((steps, size, cpu, trip))
                        texts.add(text)
            same = "same text" if len(texts) == 1 else "TEXTS DIFFER"
            for (side, delay), rounds in runs.items():
                medians = sorted(statistics.median(r[0]) for r in rounds)
                cpu = ", ".join(f"{kind} {statistics.median(r[2][kind] for r in rounds):.2f}" for kind in rounds[0][2])
                print(f"{side:6} workers={workers} delay={delay} rate={options.rate or 'none'} depth={options.depth}: "
                      f"{statistics.median(t for r in rounds for t in r[0]):.3f} ms/token (rounds {medians[0]:.3f} to {medians[-1]:.3f}), "
                      f"{statistics.median(r[1] for r in rounds):.0f} bytes/token, CPU ms/token: {cpu}, "
                      f"round trip {statistics.median(r[3] for r in rounds):.2f} ms, {same}", flush=True)


if __name__ == "__main__":
    main()
