#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs a root file system folder into a one-layer image (docker-archive) and can load it into
the cluster of one-node.sh. Needs only Python's standard library, and `ctr` for --load.

  make-image.py ROOTFS NAME:TAG -o image.tar [--entrypoint ARG ...] [--env K=V ...]
  make-image.py --tar image.tar --load DIR        an existing tar, for example one of Jib's
"""

import argparse
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile

EPOCH = "1970-01-01T00:00:00Z"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Hashing:
    """A file object for tarfile that counts and hashes what goes through."""

    def __init__(self, out):
        self.out, self.sha, self.size = out, hashlib.sha256(), 0

    def write(self, data):
        self.sha.update(data)
        self.size += len(data)
        return self.out.write(data)


def add_tree(tar, root, as_root):
    links = {}
    for folder, dirs, files in os.walk(root):
        dirs.sort()
        for name in sorted(dirs + files):
            path = os.path.join(folder, name)
            arc = os.path.relpath(path, root)
            st = os.lstat(path)
            info = tar.gettarinfo(path, arc)
            if info is None:  # a socket
                continue
            info.mtime = 0
            if as_root:
                info.uid = info.gid = 0
            info.uname = info.gname = ""
            # tarfile finds hard links only by its own table of inodes: keep our own, so that the
            # order of the walk alone decides which name carries the data.
            info.linkname = info.linkname if info.issym() else ""
            if info.islnk() or (info.isreg() and st.st_nlink > 1):
                first = links.setdefault((st.st_dev, st.st_ino), arc)
                if first != arc:
                    info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
                else:
                    info.type, info.size = tarfile.REGTYPE, st.st_size
            if info.isreg():
                with open(path, "rb") as f:
                    tar.addfile(info, f)
            else:
                tar.addfile(info)


def pack(a):
    with tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(a.output))) as tmp:
        layer = Hashing(tmp)
        with tarfile.open(fileobj=layer, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            add_tree(tar, a.rootfs, a.as_root)
        diff = layer.sha.hexdigest()
        size = tmp.tell()
        tmp.seek(0)
        run = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] + a.env}
        for key, value in (("Entrypoint", a.entrypoint), ("Cmd", a.cmd), ("User", a.user),
                           ("WorkingDir", a.workdir)):
            if value:
                run[key] = value
        config = json.dumps({
            "architecture": ARCH, "os": "linux", "created": EPOCH, "config": run,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff]},
            "history": [{"created": EPOCH, "created_by": "make-image"}],
        }, sort_keys=True).encode()
        config_name = hashlib.sha256(config).hexdigest() + ".json"
        manifest = json.dumps([{
            "Config": config_name, "RepoTags": [a.name], "Layers": [diff + "/layer.tar"],
        }]).encode()

        with tarfile.open(a.output, "w", format=tarfile.GNU_FORMAT) as out:
            def put(name, stream, length):
                info = tarfile.TarInfo(name)
                info.size = length
                out.addfile(info, stream)
            put(diff + "/layer.tar", tmp, size)
            put(config_name, io.BytesIO(config), len(config))
            put("manifest.json", io.BytesIO(manifest), len(manifest))
    print(f"{a.output}: {a.name}, layer {size >> 20} MiB", file=sys.stderr)


def load(tar, folder):
    sock = os.path.join(os.path.abspath(folder), "node", "containerd", "c.sock")
    subprocess.run(["ctr", "--address", sock, "-n", "k8s.io", "images", "import", tar], check=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("rootfs", nargs="?", help="folder that becomes / of the image")
    p.add_argument("name", nargs="?", help="for example localhost/app:1")
    p.add_argument("-o", "--output", help="the tar to write (default: a temporary one, with --load)")
    p.add_argument("--tar", help="load this tar instead of packing a folder")
    p.add_argument("--entrypoint", nargs="+")
    p.add_argument("--cmd", nargs="+")
    p.add_argument("--env", action="append", default=[])
    p.add_argument("--user")
    p.add_argument("--workdir")
    p.add_argument("--as-root", action="store_true", help="all files belong to root in the image")
    p.add_argument("--load", metavar="DIR", help="import into the cluster of `one-node.sh up DIR`")
    a = p.parse_args()
    if a.tar:
        load(a.tar, a.load or p.error("--tar needs --load"))
        return
    if not (a.rootfs and a.name):
        p.error("ROOTFS and NAME are needed")
    if not (a.output or a.load):
        p.error("-o or --load is needed")
    if a.output:
        pack(a)
        if a.load:
            load(a.output, a.load)
    else:
        with tempfile.TemporaryDirectory() as tmp:
            a.output = os.path.join(tmp, "image.tar")
            pack(a)
            load(a.output, a.load)


if __name__ == "__main__":
    main()
