#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the start of the operator as images have it, against a real API server with one cluster to reconcile:

    images/build.sh --folders operator
    scripts/cluster/with-api-server.sh ~/.cache/knarr/cluster scripts/measure-operator-start.py RUNS VARIANT...

A variant is a folder that images/build.sh makes, and flags for its JVM where wanted, in one word: "target/images/knarr-operator
-XX:AOTMode=off". Variants take turns. Written is the median, and the quartiles in brackets, of

    ready   from the start of the launcher until /q/health/ready says yes
    status  from there too, until the cluster has its first status, that is, until the first reconciliation has ended
    CPU     processor time until ready, and until the status
    RSS     VmRSS two seconds after the status, and VmHWM, the most it was until then
"""

import http.client
import os
import pathlib
import shlex
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLUSTER = ROOT / "docs/examples/cluster.yaml"
LEFT = "statefulsets,deployments,jobs,services,configmaps,secrets,networkpolicies,poddisruptionbudgets,events"
LIMIT = 60
# No shorter: each question costs the operator time, too.
BETWEEN = 0.03


def kubectl(*arguments):
    subprocess.run(["kubectl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def is_ready(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        connection.request("GET", "/q/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def mebibytes(pid, field):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def run(variant):
    """One start: what is measured, by name."""
    folder, *flags = shlex.split(variant)
    port = free_port()
    environment = os.environ | {
        "HOME": "/tmp",
        "HOSTNAME": "knarr-0",
        "KUBERNETES_MASTER": os.environ["API_SERVER"],
        "KUBERNETES_CERTS_CA_FILE": os.environ["API_SERVER_CA"],
        "KUBERNETES_AUTH_SERVICEACCOUNT_TOKEN": os.environ["API_SERVER_TOKEN"],
        "KNARR_JAVA_OPTS": " ".join(flags),
        "KNARR_OPERATOR_NAMESPACE": "default",
        "KNARR_OPERATOR_IMAGES_HEAD": "head",
        "KNARR_OPERATOR_IMAGES_SERVER": "server",
        "KNARR_OPERATOR_IMAGES_WORKER_CPU": "worker",
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
    }
    del environment["KUBECONFIG"]
    kubectl("delete", "--ignore-not-found", "--cascade=background", "-f", CLUSTER)
    kubectl("delete", "--ignore-not-found", LEFT, "-l", "knarr.dev/cluster")
    kubectl("apply", "--server-side", "-f", CLUSTER)
    path = '-o=jsonpath={.status.phase}{"\\n"}'
    watch = subprocess.Popen(["kubectl", "get", "-w", "ic/demo", path], stdout=subprocess.PIPE, text=True)
    operator = None
    try:
        watch.stdout.readline()
        log = subprocess.DEVNULL if "KNARR_VERBOSE" not in os.environ else None
        began = time.monotonic()
        operator = subprocess.Popen([f"{folder}/bin/knarr-operator"], env=environment, stdout=log, stderr=log)
        while not is_ready(port):
            if operator.poll() is not None or time.monotonic() - began > LIMIT:
                sys.exit(f"{variant}: not ready; KNARR_VERBOSE=1 shows what it writes")
            time.sleep(BETWEEN)
        measured = {"ready s": time.monotonic() - began, "CPU until ready s": cpu_seconds(operator.pid)}
        watch.stdout.readline()
        measured |= {"status s": time.monotonic() - began, "CPU until status s": cpu_seconds(operator.pid)}
        time.sleep(2)
        return measured | {"VmRSS MiB": mebibytes(operator.pid, "VmRSS"), "VmHWM MiB": mebibytes(operator.pid, "VmHWM")}
    finally:
        watch.kill()
        watch.wait()
        if operator:
            operator.terminate()
            operator.wait()


def main():
    if len(sys.argv) < 3 or not sys.argv[1].isdigit() or int(sys.argv[1]) < 2:
        sys.exit(__doc__)
    runs, variants = int(sys.argv[1]), sys.argv[2:]
    measured = {variant: [] for variant in variants}
    for variant in variants:
        run(variant)  # brings files into the page cache
    for _ in range(runs):
        for variant in variants:
            measured[variant].append(run(variant))
            print(f"{variant}: " + ", ".join(f"{k} {v:.2f}" for k, v in measured[variant][-1].items()), file=sys.stderr, flush=True)
    for variant in variants:
        print(f"{variant}, {runs} runs, load {os.getloadavg()[1]:.1f}")
        for name in measured[variant][0]:
            low, median, high = statistics.quantiles([one[name] for one in measured[variant]], method="inclusive")
            print(f"  {name:20} {median:8.2f}  ({low:.2f}–{high:.2f})")


main()
