"""
A container runtime as a kubelet has it: Debian's containerd, asked over CRI (gRPC, by curl), which writes /var/log/pods' files itself.

Pods live in the machine's network, so that no CNI is needed. Everything is below one folder, and gone with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import uuid
from pathlib import Path

from docker_rig import _archive, _busybox, remove
from waiting import until

IMAGE = "localhost/busybox:1"
#: NamespaceMode.NODE of CRI.
NODE = 2


def message(*fields):
    """A protobuf message of (number, value): str, int, or a message again (bytes)."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(data)) + data
    return found


def varint(value):
    """As protobuf has it."""
    found = b""
    while value > 0x7F:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


class Runtime:
    """`with Runtime() as runtime:`; `runtime.pods` is its /var/log/pods."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="outrider-cri-"))
        self.pods, self.socket = self.folder / "pods", self.folder / "containerd.sock"
        self.log = self.folder / "containerd.log"
        self._process, self.sandboxes = None, []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error):
        self.close()

    def call(self, method, request):
        """One call of the runtime's service: the answer's first field where that is a string, else nothing."""
        body = b"\0" + len(request).to_bytes(4, "big") + request
        command = ["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--unix-socket", str(self.socket), "--max-time", "120"]
        command += ["--dump-header", str(self.folder / "headers"), "--data-binary", "@-", "-H", "Content-Type: application/grpc"]
        command += ["-H", "TE: trailers", f"http://localhost/runtime.v1.RuntimeService/{method}"]
        done = subprocess.run(command, input=body, capture_output=True, timeout=150, check=False)
        told = (self.folder / "headers").read_text() if done.returncode == 0 else done.stderr.decode()
        assert "grpc-status: 0" in told.lower(), f"{method}: {told}"
        answer = done.stdout[5:]
        return answer[2 : 2 + answer[1]].decode() if answer[:1] == b"\x0a" else None

    def pod(self, name, namespace="jobs"):
        """A pod's sandbox: what the other calls need of it."""
        uid = str(uuid.uuid4())
        folder = self.pods / f"{namespace}_{name}_{uid}"
        folder.mkdir(parents=True)
        security = message((1, message((1, NODE))))
        config = message((1, message((1, name), (2, uid), (3, namespace))), (3, str(folder)), (8, message((2, security))))
        sandbox = self.call("RunPodSandbox", message((1, config)))
        self.sandboxes.append(sandbox)
        return {"sandbox": sandbox, "config": config, "folder": folder, "run": f"{name}.main.{uid[:8]}"}

    def start(self, pod, script, attempt=0):
        """The pod's container `main`, for that many times before; its id."""
        (pod["folder"] / "main").mkdir(exist_ok=True)
        words = [(3, word) for word in ("sh", "-c", script)]
        config = message((1, message((1, "main"), (2, attempt))), (2, message((1, IMAGE))), *words, (11, f"main/{attempt}.log"))
        container = self.call("CreateContainer", message((1, pod["sandbox"]), (2, config), (3, pod["config"])))
        self.call("StartContainer", message((1, container)))
        return container

    def rotate(self, pod, container, stamp, attempt=0):
        """As a kubelet does when a log is full: renamed, and the runtime told to open it anew."""
        log = pod["folder"] / "main" / f"{attempt}.log"
        log.rename(f"{log}.{stamp}")
        self.call("ReopenContainerLog", message((1, container)))

    def stop(self, container):
        """Killed; its files stay."""
        self.call("StopContainer", message((1, container)))

    def delete(self, pod):
        """The pod with its containers and, as a kubelet does, its logs."""
        self.sandboxes.remove(pod["sandbox"])
        self.call("StopPodSandbox", message((1, pod["sandbox"])))
        self.call("RemovePodSandbox", message((1, pod["sandbox"])))
        shutil.rmtree(pod["folder"])

    def close(self):
        """Ends everything."""
        if self._process is not None:
            for sandbox in self.sandboxes:
                self.call("StopPodSandbox", message((1, sandbox)))
                self.call("RemovePodSandbox", message((1, sandbox)))
            self._process.terminate()
            self._process.wait(60)
        remove(self.folder)

    def _start(self):
        # Where tests run the score of a sandbox may not be as low as a kubelet's is.
        cri = '[plugins."io.containerd.grpc.v1.cri"]'
        lines = ["version = 2", f'root = "{self.folder}/root"', f'state = "{self.folder}/state"']
        lines += ["[grpc]", f'address = "{self.socket}"', cri, f'sandbox_image = "{IMAGE}"', "restrict_oom_score_adj = true"]
        lines += [cri.replace('.cri"', '.cri".containerd'), 'snapshotter = "native"']
        path = self.folder / "config.toml"
        path.write_text("\n".join(lines) + "\n")
        command = ["setpriv", "--pdeathsig", "TERM", "containerd", "--config", str(path)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._is_up, 60, f"containerd does not answer; {self.log} says why")
        archive = self.folder / "image.tar"
        archive.write_bytes(_image())
        self._ctr("images", "import", "--snapshotter", "native", str(archive))

    def _ctr(self, *arguments):
        command = ["ctr", "--address", str(self.socket), "--namespace", "k8s.io", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def _is_up(self):
        assert self._process.poll() is None, f"containerd ended:\n{self.log.read_text(errors='replace')[-3000:]}"
        command = ["ctr", "--address", str(self.socket), "version"]
        return self.socket.exists() and subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def _image():
    """Busybox as `docker save` would write it; its own command waits, which is all that a pod's sandbox does."""
    layer = _archive(_busybox)
    digest = hashlib.sha256(layer).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/bin/sleep", "1000000"]}}
    config["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    described = json.dumps(config).encode()
    name = f"{hashlib.sha256(described).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]).encode()
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as archive:
        for path, data in ((name, described), ("layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return found.getvalue()
